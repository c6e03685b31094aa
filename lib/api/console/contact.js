// One contact: what it is, its groups, what happened to it, and why it is so.
import * as api from "/console/api.js";
import { lastList } from "/console/contacts.js";
import {
  h,
  heading,
  icon,
  number,
  paged,
  panel,
  pill,
  said,
  sourcePill,
  statusPill,
  table,
  time,
} from "/console/dom.js";
import { t } from "/console/texts.js";

const REFERENCES = new Set(["groups", "manager", "id"]); // fields whose values are ids
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const page = (id) => `#/contacts/${encodeURIComponent(id)}`;

// Names of those that others refer to, asked for once.
const names = new Map();

const SPOKEN = {
  status: t.statuses,
  source: t.sources,
  kind: t.kinds,
  hidden: t.contacts.hidden,
};

const value = (field, text) =>
  REFERENCES.has(field) && ID.test(text) ? named(text) : said(SPOKEN[field]?.[text] ?? text);

/// They may be called otherwise by now, or not be for whoever looks next.
export const forgetNames = () => names.clear();

function named(id) {
  const text = said(id);
  if (!names.has(id)) names.set(id, api.contactName(id));
  names.get(id).then(
    (name) => {
      if (name) text.textContent = name;
    },
    () => names.delete(id), // the next time it is asked for again
  );
  return h("a", { href: page(id) }, text);
}

/// {field, oldValue, newValue} in words.
export function changeText({ field, oldValue, newValue }) {
  const name = h("span", { class: "field-name" }, t.fields[field] ?? field ?? "");
  const was = oldValue !== null && h("del", {}, value(field, oldValue));
  const is = newValue !== null && h("ins", {}, value(field, newValue));
  return was && is
    ? [name, ": ", was, " → ", is]
    : [name, " ", was ? t.removed : t.added, ": ", was || is];
}

/// Only what leads to a page leads anywhere: a source may contain any text.
function web(text) {
  let address;
  try {
    address = new URL(text);
  } catch {
    return said(text);
  }
  return ["http:", "https:"].includes(address.protocol)
    ? h("a", { href: address.href, target: "_blank", rel: "noopener noreferrer" }, said(text))
    : said(text);
}

const mailto = (text) =>
  h("a", { href: `mailto:${encodeURIComponent(text).replaceAll("%40", "@")}` }, said(text));
const tel = (text, e164) => (e164 ? h("a", { href: `tel:${e164}` }, said(text)) : said(text));

function facts(title, pairs) {
  const told = pairs.filter(
    ([, content]) => content !== null && content !== undefined && content !== "",
  );
  return told.length === 0
    ? null
    : h(
        "section",
        { class: "card" },
        h("h2", {}, title),
        h(
          "dl",
          { class: "facts" },
          told.map(([name, content]) =>
            h(
              "div",
              {},
              h("dt", {}, name),
              h("dd", {}, typeof content === "string" ? said(content) : content),
            ),
          ),
        ),
      );
}

function basics(contact) {
  const f = t.fields;
  const plain = (...fields) => fields.map((field) => [f[field], contact[field]]);
  const postal = contact.postalAddress ?? {};
  const lines = [
    postal.street,
    [postal.postalCode, postal.city].filter(Boolean).join(" "),
    postal.state,
    postal.countryOrRegion,
  ].filter(Boolean);
  return h(
    "div",
    { class: "columns" },
    facts(t.contact.person, [
      ...plain("displayName", "givenName", "surname", "initials"),
      [f.mail, contact.mail && mailto(contact.mail)],
      ...plain("userPrincipalName"),
      [f.webPage, contact.webPage && web(contact.webPage)],
      ...plain("description", "notes"),
    ]),
    facts(t.contact.work, [
      ...plain("companyName", "department", "jobTitle", "officeLocation", "employeeId"),
      [f.manager, contact.manager && named(contact.manager)],
      [
        f.labels,
        contact.labels?.length > 0
          ? contact.labels.map((label) => h("span", { class: "pill label" }, said(label)))
          : null,
      ],
    ]),
    facts(
      t.contact.phones,
      (contact.phones ?? []).map((one) => [
        t.phones[one.type] ?? one.type,
        [
          tel(one.raw, one.e164),
          one.e164 &&
            one.e164 !== one.raw.replaceAll(" ", "") &&
            h("span", { class: "quiet" }, " ", one.e164),
          one.extension && h("span", { class: "quiet" }, " ", t.contact.extension(one.extension)),
        ],
      ]),
    ),
    facts(
      t.contact.addresses,
      (contact.addresses ?? []).map((one) => [
        one.kind,
        [
          one.kind === "smtp" ? mailto(one.value) : said(one.value),
          one.primary && h("span", { class: "pill primary" }, t.contact.primary),
        ],
      ]),
    ),
    facts(t.contact.postal, [
      [t.contact.postal, lines.length > 0 ? lines.map((line) => h("div", {}, said(line))) : null],
    ]),
    facts(t.contact.custom, Object.entries(contact.customAttributes ?? {})),
    facts(t.contact.identity, [
      ["id", contact.id],
      [f.hidden, t.contact.hidden[String(contact.hidden)]],
      ...plain("mailNickname", "groupType", "onPremisesDistinguishedName"),
      [
        t.contact.changed,
        contact.changedAt && [
          time(contact.changedAt),
          h("span", { class: "quiet" }, ` (${t.contact.change(number(contact.changeNumber))})`),
        ],
      ],
    ]),
  );
}

function groups(contact) {
  const members =
    contact.kind === "group" &&
    h(
      "p",
      {},
      h("a", { href: `#/contacts?group=${encodeURIComponent(contact.id)}` }, t.contact.members),
    );
  const all = contact.groups ?? [];
  return [
    members,
    all.length === 0
      ? h("p", { class: "empty" }, t.contact.noGroups)
      : h(
          "ul",
          { class: "cards groups" },
          all.map((group) =>
            h(
              "li",
              { class: "card between" },
              h("a", { href: page(group.id) }, said(group.displayName || group.id)),
              h(
                "a",
                { class: "quiet", href: `#/contacts?group=${encodeURIComponent(group.id)}` },
                t.contact.members,
              ),
            ),
          ),
        ),
  ];
}

function history(id) {
  const row = (one) =>
    h(
      "li",
      {},
      h(
        "div",
        {},
        pill("operation", one.operation, t.operations[one.operation] ?? one.operation),
        " ",
        changeText(one),
      ),
      h(
        "div",
        { class: "quiet" },
        time(one.at),
        " · ",
        t.runs.run(one.run),
        one.connector && [" · ", said(one.connector)],
      ),
    );
  return paged({
    load: (cursor) => api.history(id, { limit: 50, cursor }),
    row,
    body: h("ol", { class: "history" }),
    empty: t.contact.noHistory,
  });
}

function explanation(told) {
  const why = (name, content, reason) =>
    h(
      "div",
      {},
      h("dt", {}, name),
      h("dd", {}, content, h("div", { class: "quiet" }, said(reason.text))),
    );
  const record = (one) =>
    h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        said(one.connector),
        h("div", { class: "quiet" }, t.types[one.type] ?? one.type),
      ),
      h(
        "td",
        {},
        t.kinds[one.kind] ?? one.kind,
        h("div", { class: "anchor quiet" }, said(one.anchor)),
      ),
      h("td", {}, pill("presence", one.presence, t.presences[one.presence] ?? one.presence)),
      h(
        "td",
        {},
        said(one.joined.text),
        one.keys.map((key) => h("div", { class: "quiet" }, said(key))),
      ),
    );
  const attribute = (one) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, t.fields[one.attribute] ?? one.attribute),
      h("td", {}, said(one.value)),
      h("td", {}, said(one.connector), h("div", { class: "quiet" }, said(one.reason.text))),
      h(
        "td",
        {},
        one.others.map((other) =>
          h(
            "div",
            { class: other.value === one.value ? "quiet" : "" },
            said(other.connector),
            ": ",
            other.value === one.value ? t.contact.same : said(other.value),
          ),
        ),
      ),
    );
  return [
    told.pending && h("p", { class: "note" }, t.contact.pending),
    told.mergedId && h("p", { class: "note" }, t.contact.merged(told.mergedId)),
    h(
      "section",
      { class: "card" },
      h("h2", {}, t.contact.why),
      h(
        "dl",
        { class: "facts" },
        why(t.fields.kind, t.kinds[told.kind.value] ?? told.kind.value, told.kind.reason),
        why(t.fields.source, sourcePill(told.source.value), told.source.reason),
        why(t.fields.status, statusPill(told.status.value), told.status.reason),
        why(
          t.contact.lists,
          t.visibilities[told.visibility.rule] ?? told.visibility.rule,
          told.visibility,
        ),
      ),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", {}, t.contact.records),
      table(t.contact.records, t.contact.recordColumns, told.records.map(record)),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", {}, t.contact.values),
      table(t.contact.values, t.contact.valueColumns, told.values.map(attribute)),
    ),
    told.conflicts.length > 0 &&
      h(
        "section",
        { class: "card" },
        h("h2", {}, t.conflicts.title),
        told.conflicts.map((one) =>
          h(
            "div",
            { class: "conflict" },
            h("h3", {}, t.conflicts.kinds[one.kind] ?? one.kind),
            one.other && h("p", {}, t.conflicts.with, " ", named(one.other)),
            h("p", {}, said(one.evidence)),
            h("p", { class: "remedy" }, h("strong", {}, t.conflicts.remedy), " ", said(one.remedy)),
          ),
        ),
      ),
  ];
}

const TABS = {
  basics: (contact) => basics(contact),
  groups: (contact) => groups(contact),
  history: (contact) => history(contact.id),
  sources: (contact) => panel(async () => explanation(await api.explain(contact.id))),
};

function tabs(contact, chosen, choose) {
  const names = Object.keys(TABS);
  const body = h("div", { role: "tabpanel", id: "tab-panel", tabindex: "0" });
  const buttons = names.map((name) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": "tab-panel",
        onclick: () => show(name),
        onkeydown: pressed,
      },
      t.contact.tabs[name],
    ),
  );

  function show(name) {
    buttons.forEach((button, index) => {
      const here = names[index] === name;
      button.setAttribute("aria-selected", String(here));
      button.tabIndex = here ? 0 : -1;
    });
    body.setAttribute("aria-labelledby", `tab-${name}`);
    body.replaceChildren(...[TABS[name](contact)].flat().filter(Boolean));
    choose(name);
  }

  function pressed(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (buttons.indexOf(event.target) + step + buttons.length) % buttons.length;
    buttons[next].focus();
    show(names[next]);
  }

  show(names.includes(chosen) ? chosen : "basics");
  return [
    h("div", { class: "tabs", role: "tablist", "aria-label": t.contact.title }, buttons),
    body,
  ];
}

export function open(place, { path, query, changeAddress, retitle }) {
  let chosen = query.get("tab");
  let shown = null;
  let closed = false;
  const content = panel(
    async () => {
      const contact = await api.contact(path[0]);
      if (closed) return []; // address and title are another view's
      shown = contact.changeNumber;
      const name = contact.displayName || contact.mail || contact.id;
      retitle(name);
      const title = heading(said(name));
      // Whoever came here by keyboard goes on from here.
      requestAnimationFrame(() => {
        if (document.activeElement === document.body)
          title.querySelector("h1").focus({ preventScroll: true });
      });
      const header = h(
        "header",
        { class: "who" },
        h(
          "div",
          { class: "avatar", "aria-hidden": "true" },
          [...name].slice(0, 1).join("").toUpperCase(),
        ),
        h(
          "div",
          {},
          title,
          h(
            "p",
            {},
            t.kinds[contact.kind] ?? contact.kind,
            contact.jobTitle && [" · ", said(contact.jobTitle)],
            contact.companyName && [" · ", said(contact.companyName)],
          ),
          h(
            "p",
            { class: "pills" },
            sourcePill(contact.source),
            " ",
            statusPill(contact.status),
            contact.hidden === true && [
              " ",
              h("span", { class: "pill hidden-yes" }, t.contacts.hiddenMark),
            ],
          ),
        ),
      );
      return [
        header,
        ...tabs(contact, chosen, (name_) => {
          chosen = name_;
          changeAddress(`${page(path[0])}${name_ === "basics" ? "" : `?tab=${name_}`}`);
        }),
      ];
    },
    { lines: 10 },
  );
  place.append(h("a", { class: "back", href: lastList() }, icon("back"), t.contact.back), content);
  return {
    /// What is published has changed; this one need not.
    async changed() {
      if ((await api.contact(path[0])).changeNumber !== shown && !closed) content.refresh();
    },
    close() {
      closed = true;
    },
  };
}
