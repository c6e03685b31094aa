// What is held back until somebody decides.
import * as api from "/console/api.js";
import {
  announce,
  confirm,
  h,
  heading,
  icon,
  number,
  panel,
  pill,
  said,
  table,
  time,
} from "/console/dom.js";
import { changeText } from "/console/contact.js";
import { t } from "/console/texts.js";

const CHANGES = 200;
export const PLANS_MOST = 1000; // that the API tells

/// Says what was decided. The buttons are gone, and the focus goes on from here.
export function tellDone(place, text) {
  const sentence = h("p", { class: "done", tabindex: "-1" }, text);
  place.replaceChildren(sentence);
  if (place.isConnected) sentence.focus();
  else announce(text);
}

const counts = (plan) =>
  h(
    "ul",
    { class: "counts" },
    ["deleted", "updated", "created"].map((what) =>
      h(
        "li",
        { class: plan[what] > 0 ? what : "quiet" },
        h("strong", {}, number(plan[what])),
        " ",
        t.plans[what],
      ),
    ),
  );

function decisions(plan, who, decided) {
  const rejected = plan.state === "rejected"; // what it holds can still be let go
  if (plan.state !== "open" && !rejected) return null;
  if (who.scope !== "operate" && who.scope !== "admin")
    return h("p", { class: "quiet" }, t.plans.notAllowed);
  const ask = (decision, danger) => async () => {
    const words = t.plans[decision];
    const done = await confirm({
      title: words.title(plan.plan),
      danger,
      action: words.action,
      text: words.text(number(plan.deleted), number(plan.updated), number(plan.created)),
      act: () => api.decide(plan.plan, decision),
    });
    if (done) decided(words.done(plan.plan));
  };
  return h(
    "div",
    { class: "actions" },
    !rejected &&
      h("button", { type: "button", onclick: ask("reject", false) }, t.plans.reject.action),
    h(
      "button",
      { type: "button", class: "danger", onclick: ask("approve", true) },
      t.plans.approve.action,
    ),
  );
}

/// `decided` is called after a decision, with a sentence; `title` is the kind of heading, if there
/// is to be one.
export function planCard(plan, who, decided, title) {
  return h(
    "article",
    { class: "card plan" },
    h(
      "div",
      { class: "between" },
      title
        ? h(title, {}, h("a", { href: `#/plans/${plan.plan}` }, t.plans.plan(plan.plan)))
        : h("p", {}, said(plan.text)),
      pill("plan", plan.state, t.plans.states[plan.state] ?? plan.state),
    ),
    title && h("p", {}, said(plan.text)),
    counts(plan),
    h(
      "p",
      { class: "quiet" },
      t.plans.made,
      time(plan.createdAt),
      plan.decidedAt && [" · ", t.plans.decided, time(plan.decidedAt)],
      plan.supersededBy && [
        " · ",
        h("a", { href: `#/plans/${plan.supersededBy}` }, t.plans.superseded(plan.supersededBy)),
      ],
    ),
    decisions(plan, who, decided),
  );
}

function changeRow(change) {
  return h(
    "tr",
    {},
    h(
      "td",
      {},
      pill("operation", change.operation, t.operations[change.operation] ?? change.operation),
    ),
    h(
      "th",
      { scope: "row" },
      h(
        "a",
        { href: `#/contacts/${encodeURIComponent(change.id)}` },
        said(change.displayName || change.id),
      ),
      h("div", { class: "quiet" }, t.kinds[change.kind] ?? change.kind),
    ),
    h(
      "td",
      {},
      change.changes.map((one) => h("div", {}, changeText(one))),
      (change.records ?? []).map((record) =>
        h("div", { class: "quiet" }, t.plans.because, said(record)),
      ),
    ),
  );
}

function openOne(place, number_, who) {
  const told = h("div", {});
  const content = panel(
    async () => {
      const plan = await api.plan(number_, { limit: CHANGES });
      const changes = plan.changes ?? [];
      const settled = t.plans.settled[plan.state];
      return [
        planCard(plan, who, (text) => {
          tellDone(told, text);
          content.refresh();
        }),
        h(
          "section",
          { class: "card" },
          h("h2", {}, settled ? t.plans.wouldHave : t.plans.would),
          changes.length === 0
            ? h("p", { class: "quiet" }, settled ?? t.plans.nothing)
            : table(
                t.plans.would,
                [t.plans.operation, t.plans.contact, t.plans.what],
                changes.map(changeRow),
              ),
          plan.more && h("p", { class: "quiet" }, t.plans.firstOnly(number(changes.length))),
        ),
      ];
    },
    { lines: 8 },
  );
  place.append(
    h("a", { class: "back", href: "#/plans" }, icon("back"), t.plans.back),
    heading(t.plans.plan(number_)),
    told,
    content,
  );
  return { changed: () => content.refresh() };
}

export function open(place, { path, who }) {
  if (path[0]) return openOne(place, path[0], who);
  let all = false;
  const told = h("div", {});
  const list = panel(
    async () => {
      const query = { all: all ? "true" : undefined, limit: PLANS_MOST };
      const plans = (await api.plans(query)).items;
      const decided = (text) => {
        tellDone(told, text);
        list.refresh();
      };
      return plans.length === 0
        ? h("p", { class: "empty" }, all ? t.plans.never : t.plans.none)
        : [
            h(
              "div",
              { class: "cards" },
              plans.map((plan) => planCard(plan, who, decided, "h2")),
            ),
            plans.length === PLANS_MOST &&
              h("p", { class: "quiet" }, t.plans.newestOnly(number(plans.length))),
          ];
    },
    { lines: 6 },
  );
  const box = h("input", {
    type: "checkbox",
    onchange: () => {
      all = box.checked;
      list.refresh();
    },
  });
  place.append(
    heading(t.plans.title),
    h("p", { class: "lead" }, t.plans.lead),
    h("div", { class: "tools" }, h("label", { class: "check" }, box, t.plans.all)),
    told,
    list,
  );
  return { changed: () => list.refresh() };
}
