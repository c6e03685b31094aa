// What each cycle did.
import * as api from "/console/api.js";
import { duration, h, heading, number, paged, pill, said, table, time } from "/console/dom.js";
import { t } from "/console/texts.js";

export const changesOf = ({ published }) =>
  Object.values(published).reduce((sum, count) => sum + count, 0);
export const tookOf = (run) => Date.parse(run.endedAt) - Date.parse(run.startedAt);

function collections(run) {
  if (!run.collections?.length) return null;
  const told = run.collections.filter((one) => one.objects > 0 || one.error);
  const quiet = run.collections.length - told.length;
  return h(
    "ul",
    {},
    told.map((one) =>
      h(
        "li",
        {},
        said(`${one.connector}/${one.collection}`),
        ": ",
        t.runs.read(number(one.objects), one.objects),
        one.error && [" ", h("span", { class: "error" }, said(one.error))],
      ),
    ),
    quiet > 0 && h("li", { class: "quiet" }, t.runs.quiet(quiet)),
  );
}

function row(run) {
  const outcome = run.endedAt ? run.outcome : "running";
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, String(run.run)),
    h("td", {}, time(run.startedAt)),
    h("td", {}, pill("outcome", outcome, t.outcomes[outcome] ?? outcome)),
    h("td", { class: "number" }, run.endedAt ? duration(tookOf(run)) : ""),
    h("td", { class: "number" }, number(changesOf(run))),
    h("td", {}, run.error && h("div", { class: "error" }, said(run.error)), collections(run)),
  );
}

export function open(place) {
  const columns = [
    t.runs.number,
    t.runs.started,
    t.runs.outcome,
    { name: t.runs.took, number: true },
    { name: t.runs.changed, number: true },
    t.runs.what,
  ];
  const list = paged({
    load: (cursor) => api.runs({ limit: 50, cursor }),
    row,
    body: h("tbody"),
    frame: (body) => table(t.runs.title, columns, body),
    empty: t.runs.none,
  });
  place.append(heading(t.runs.title), list);
  return { changed: list.refresh };
}
