// What each cycle did.
import * as api from "/console/api.js";
import { duration, h, heading, number, panel, pill, said, table, time } from "/console/dom.js";
import { t } from "/console/texts.js";

export const changesOf = ({ published }) =>
  Object.values(published).reduce((sum, count) => sum + count, 0);
export const tookOf = (run) => Date.parse(run.endedAt) - Date.parse(run.startedAt);

function collections(run) {
  if (!run.collections?.length) return null;
  return h("ul", { class: "plainly" }, run.collections.map((one) => h("li", {}, said(`${one.connector}/${one.collection}`),
    ": ", t.runs.read(number(one.objects), one.objects), one.error && [" ", h("span", { class: "error" }, said(one.error))])));
}

function row(run) {
  const outcome = run.endedAt ? run.outcome : "running";
  return h("tr", {}, h("th", { scope: "row" }, String(run.run)), h("td", {}, time(run.startedAt)),
    h("td", {}, pill("outcome", outcome, t.outcomes[outcome] ?? outcome)),
    h("td", { class: "number" }, run.endedAt ? duration(tookOf(run)) : ""),
    h("td", { class: "number" }, number(changesOf(run))),
    h("td", {}, run.error && h("div", { class: "error" }, said(run.error)), collections(run)));
}

export function open(place) {
  const body = [];
  let cursor;
  const list = panel(async () => {
    const answer = await api.runs({ limit: 50, cursor });
    body.push(...answer.items);
    const columns = [t.runs.number, t.runs.started, t.runs.outcome, { name: t.runs.took, number: true },
      { name: t.runs.changed, number: true }, t.runs.what];
    return [body.length === 0 ? h("p", { class: "empty" }, t.runs.none)
      : table(t.runs.title, columns, body.map(row), { class: "long" }),
    answer.next && h("button", { type: "button", class: "more", onclick: () => {
      cursor = answer.next;
      list.refresh();
    } }, t.more)];
  }, { lines: 8 });
  place.append(heading(t.runs.title), list);
  return {
    changed() {
      body.length = 0;
      cursor = undefined;
      list.refresh();
    },
  };
}
