// Contacts that contradict each other, and what to do about it.
import * as api from "/console/api.js";
import { ago, h, heading, paged, said, select } from "/console/dom.js";
import { t } from "/console/texts.js";

export const sideOf = (side) =>
  h("a", { href: `#/contacts/${encodeURIComponent(side.id)}` }, said(side.displayName || side.id));

function card(conflict) {
  return h(
    "li",
    { class: "card conflict" },
    h(
      "div",
      { class: "between" },
      h("h2", {}, t.conflicts.kinds[conflict.kind] ?? conflict.kind),
      h("span", { class: "quiet" }, t.conflicts.since, ago(conflict.since)),
    ),
    h(
      "p",
      { class: "sides" },
      sideOf(conflict.contact),
      conflict.other && [" ", t.conflicts.and, " ", sideOf(conflict.other)],
    ),
    h("p", {}, said(conflict.evidence)),
    h("p", { class: "remedy" }, h("strong", {}, t.conflicts.remedy), " ", said(conflict.remedy)),
  );
}

export function open(place, { query, changeAddress }) {
  let kind = query.get("kind") ?? "";
  const list = paged({
    load: (cursor) => api.conflicts({ kind, limit: 50, cursor }),
    row: card,
    body: h("ul", { class: "cards" }),
    empty: t.conflicts.none,
  });
  place.append(
    heading(t.conflicts.title),
    h("p", { class: "lead" }, t.conflicts.lead),
    h(
      "div",
      { class: "tools" },
      select(
        t.conflicts.kind,
        [["", t.conflicts.all], ...Object.entries(t.conflicts.kinds)],
        kind,
        (value) => {
          kind = value;
          changeAddress(`#/conflicts${kind ? `?kind=${kind}` : ""}`);
          list.restart();
        },
      ),
    ),
    list,
  );
  return { changed: list.refresh };
}
