// How things are: totals, sources, what waits for a decision, how the last runs went.
import * as api from "/console/api.js";
import { chart } from "/console/charts.js";
import {
  age,
  ago,
  announce,
  duration,
  failure,
  h,
  heading,
  icon,
  number,
  panel,
  renew,
  said,
  table,
  time,
} from "/console/dom.js";
import { PLANS_MOST, planCard, tellDone } from "/console/plans.js";
import { changesOf, tookOf } from "/console/runs.js";
import { t } from "/console/texts.js";

const RUNS = 40;
const PLANS = 20;

const tile = (name, value, href, kind = "") =>
  h(
    "div",
    { class: `tile ${kind}` },
    h("dt", {}, name),
    h("dd", {}, h("a", { href }, number(value))),
  );

async function totals() {
  const told = await api.overview();
  const names = t.overview.totals;
  const conflicts = Object.values(told.conflicts).reduce((sum, count) => sum + count, 0);
  return h(
    "dl",
    { class: "tiles" },
    tile(names.total, told.contacts, "#/contacts", "first"),
    tile(names.cloud, told.bySource.cloud, "#/contacts?source=cloud", "source-cloud"),
    tile(
      names.onPremises,
      told.bySource.on_premises,
      "#/contacts?source=on_premises",
      "source-on_premises",
    ),
    tile(names.hybrid, told.bySource.hybrid, "#/contacts?source=hybrid", "source-hybrid"),
    tile(names.groups, told.groups, "#/contacts?kind=group"),
    tile(names.active, told.byStatus.active, "#/contacts?status=active", "status-active"),
    tile(names.disabled, told.byStatus.disabled, "#/contacts?status=disabled", "status-disabled"),
    tile(names.deleted, told.byStatus.deleted, "#/contacts?status=deleted", "status-deleted"),
    tile(names.hidden, told.hidden, "#/contacts?hidden=true"),
    tile(names.conflicts, conflicts, "#/conflicts", conflicts > 0 ? "warn" : ""),
  );
}

async function charts() {
  const runs = (await api.runs({ limit: RUNS })).items.filter((run) => run.endedAt).reverse();
  const when = (run) =>
    new Date(run.startedAt).toLocaleString("en-GB", {
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
    });
  const kind = (run) => run.outcome;
  const title = (run, value) =>
    `${t.runs.run(run.run)}, ${when(run)}: ${value}, ${t.outcomes[run.outcome]}`;
  const changes = runs.map((run) => ({
    value: changesOf(run),
    kind: kind(run),
    when: when(run),
    title: title(run, t.runs.changes(number(changesOf(run)), changesOf(run))),
  }));
  const times = runs.map((run) => ({
    value: tookOf(run),
    kind: kind(run),
    when: when(run),
    title: title(run, duration(tookOf(run))),
  }));
  const troubled = runs.filter((run) => run.outcome !== "complete").length;
  const sum = changes.reduce((total, bar) => total + bar.value, 0);
  const longest = Math.max(0, ...times.map((bar) => bar.value));
  const compact = new Intl.NumberFormat("en", { notation: "compact" });
  return [
    chart({
      title: t.overview.changesChart,
      bars: changes,
      empty: t.runs.none,
      note: t.overview.changesNote(runs.length, number(sum)),
      spoken: (value) => compact.format(value),
    }),
    chart({
      title: t.overview.timesChart,
      bars: times,
      empty: t.runs.none,
      note: t.overview.timesNote(duration(longest), troubled),
      spoken: duration,
    }),
  ];
}

function progress(status) {
  if (!status.progress?.length) return null;
  const line = (one) => {
    const name = one.connector ? `${one.connector}/${one.collection}` : t.overview.publication;
    const share = one.expected ? Math.min(1, one.objects / one.expected) : null;
    return h(
      "li",
      {},
      h("span", { class: "what" }, said(name)),
      h("progress", {
        "aria-label": t.overview.progressOf(name),
        max: "1",
        value: share ?? undefined,
      }),
      h(
        "span",
        { class: "much" },
        one.expected
          ? t.overview.progress(number(one.objects), number(one.expected))
          : t.overview.objects(number(one.objects), one.objects),
      ),
    );
  };
  const what = status.state === "publishing" ? t.overview.publishing : t.overview.reading;
  return h(
    "section",
    { class: "card" },
    h("h2", {}, status.published ? what : t.overview.firstImport),
    !status.published && h("p", {}, t.overview.firstImportText),
    h("ul", { class: "progress" }, status.progress.map(line)),
    status.estimateSeconds !== null &&
      status.estimateSeconds !== undefined &&
      h("p", {}, t.overview.estimate(duration(status.estimateSeconds * 1000))),
  );
}

function connectorState(one) {
  if (one.failingSince) return ["failing", t.connectors.failing];
  if (!one.lastSuccess) return ["waiting", t.connectors.never];
  return ["good", t.connectors.good];
}

function connectorRows(status) {
  return status.connectors.map((one) => {
    const [kind, text] = connectorState(one);
    return h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        said(`${one.connector}/${one.collection}`),
        h("div", { class: "quiet" }, t.connectors.kinds[one.kind] ?? one.kind),
      ),
      h("td", {}, h("span", { class: `pill health-${kind}` }, text)),
      h(
        "td",
        {},
        ago(one.lastSuccess),
        one.failingSince && h("div", { class: "error" }, t.connectors.since, ago(one.failingSince)),
        one.error && h("div", { class: "error" }, said(one.error)),
      ),
      h("td", { class: "number" }, number(one.liveRecords)),
      h(
        "td",
        { class: "number" },
        one.quarantined > 0 ? h("strong", { class: "error" }, number(one.quarantined)) : "0",
      ),
    );
  });
}

function credentialLines(status) {
  return (status.credentials ?? []).map((one) =>
    h(
      "li",
      { class: one.daysLeft < 30 ? "error" : "" },
      said(`${one.connector}: ${one.credential}`),
      " ",
      t.overview.ends,
      ago(one.endsAt),
    ),
  );
}

/// Told how things are every few seconds, it changes what is different and nothing else.
function connectors() {
  const rows = h("tbody", {});
  const credentials = h("ul", { class: "credentials" });
  const none = h("p", { class: "quiet" }, t.connectors.none);
  const all = table(
    t.connectors.title,
    [
      t.connectors.name,
      t.connectors.state,
      t.connectors.success,
      { name: t.connectors.records, number: true },
      { name: t.connectors.quarantined, number: true },
    ],
    rows,
  );
  const card = h(
    "section",
    { class: "card", hidden: true },
    h("h2", {}, t.connectors.title),
    none,
    all,
    credentials,
  );
  card.tell = (status) => {
    renew(rows, connectorRows(status));
    renew(credentials, credentialLines(status));
    none.hidden = rows.hasChildNodes();
    all.hidden = !none.hidden;
    credentials.hidden = !credentials.hasChildNodes();
    card.hidden = false;
  };
  return card;
}

export function open(place, { who, expectCycle }) {
  const state = h("p", { class: "state" });
  const moving = h("div", {});
  const sources = connectors();
  let latest = null;
  let askedAt = null; // what gald was doing when a cycle was asked for: since when
  const told = h("div", {});
  const mayAct = who.scope === "operate" || who.scope === "admin";

  const now = h(
    "button",
    {
      type: "button",
      class: "primary",
      onclick: async () => {
        now.disabled = true;
        told.replaceChildren();
        try {
          const then = latest?.since ?? "";
          await api.sync();
          announce(t.overview.asked);
          told.replaceChildren(h("p", { class: "done" }, t.overview.asked));
          askedAt = then;
          expectCycle();
        } catch (problem) {
          told.replaceChildren(failure(problem));
        }
        now.disabled = false;
        if (document.activeElement === document.body) now.focus();
      },
    },
    icon("refresh"),
    t.overview.syncNow,
  );

  const totalsPanel = panel(totals, { lines: 3 });
  const held = who.restricted
    ? null
    : panel(
        async () => {
          const open = (await api.plans({ limit: PLANS_MOST })).items.filter(
            (plan) => plan.state === "open",
          );
          const decided = (text) => {
            askedAt = null;
            tellDone(told, text);
            held.refresh();
          };
          return open.length > 0
            ? h(
                "section",
                { class: "held" },
                h("h2", {}, icon("alert"), t.plans.held),
                open.slice(0, PLANS).map((plan) => planCard(plan, who, decided, "h3")),
                open.length > PLANS && h("a", { href: "#/plans" }, t.plans.others(open.length)),
              )
            : [];
        },
        { lines: 1 },
      );
  const chartsPanel = who.restricted ? null : panel(charts, { class: "panel charts", lines: 5 });

  place.append(
    heading(t.overview.title, mayAct && now),
    state,
    told,
    ...[held, totalsPanel].filter(Boolean),
    moving,
    ...[chartsPanel].filter(Boolean),
    sources,
  );

  return {
    /// How the service is doing; comes every few seconds.
    status(status) {
      latest = status;
      const next = status.state === "idle" && status.nextCycleAt;
      state.replaceChildren(
        t.states[status.state] ?? status.state,
        ...(next ? [". ", t.overview.next, time(status.nextCycleAt, age)] : []),
        ".",
      );
      // What was asked for has begun, or was over before anybody looked.
      if (askedAt !== null && askedAt !== status.since && status.state !== "waiting") {
        askedAt = null;
        told.replaceChildren();
      }
      renew(moving, [progress(status)].filter(Boolean));
      if (status.connectors) sources.tell(status);
    },
    changed() {
      totalsPanel.refresh();
      held?.refresh();
      chartsPanel?.refresh();
    },
  };
}
