// The list: search as you type, filters, any number of rows.
import * as api from "/console/api.js";
import {
  failure,
  h,
  heading,
  icon,
  number,
  said,
  select,
  sourcePill,
  statusPill,
} from "/console/dom.js";
import { exportDialog } from "/console/export.js";
import { Rows } from "/console/rows.js";
import { t } from "/console/texts.js";

const FIELDS = "kind,source,status,displayName,mail,companyName,jobTitle,phones,hidden";
const FOUND_AT_MOST = 200;
const FILTERS = ["source", "status", "kind", "group", "hidden"];

// Where the list was left, so that it is still there on the way back.
let left = null;

/// Whoever signs in next finds nothing of it.
export const forgetList = () => {
  left = null;
};

export const lastList = () => `#/contacts${left?.query ? `?${left.query}` : ""}`;

/// What a filter of the list is for the API.
export function asked(filters) {
  const { status, ...others } = filters;
  return status === "all" ? { ...others, with_deleted: "true" } : { ...others, status };
}

const options = (names, any) => [["", any], ...Object.entries(names)];

function phone(item) {
  const best =
    item.phones?.find((one) => one.type === "business" || one.type === "mobile") ??
    item.phones?.[0];
  return best ? said(best.raw || best.e164) : "";
}

function cells(item) {
  return [
    {
      class: "name",
      content: item.displayName
        ? said(item.displayName)
        : h("span", { class: "quiet" }, t.nameless),
      beside: item.similar && h("span", { class: "pill" }, t.contacts.similar),
    },
    { class: "mail", content: item.mail ? said(item.mail) : "" },
    { class: "phone", content: phone(item) },
    { class: "company", content: item.companyName ? said(item.companyName) : "" },
    { class: "title", content: item.jobTitle ? said(item.jobTitle) : "" },
    { class: "source", content: sourcePill(item.source) },
    {
      class: "status",
      content: [
        statusPill(item.status),
        item.hidden === true && h("span", { class: "pill hidden-yes" }, t.contacts.hiddenMark),
      ],
    },
  ];
}

export function open(place, { query, go, changeAddress }) {
  const state = { q: query.get("q") ?? "", sort: query.get("sort") ?? "" };
  for (const name of FILTERS) state[name] = query.get(name) ?? "";
  const back = left?.query === query.toString() ? left.place : undefined;

  const filters = () => Object.fromEntries(FILTERS.map((name) => [name, state[name]]));
  const rows = new Rows({
    label: t.contacts.title,
    columns: t.contacts.columns,
    cells,
    href: (item) => `#/contacts/${encodeURIComponent(item.id)}`,
    open: (item) => go(`#/contacts/${encodeURIComponent(item.id)}`),
    fetch: async (offset, limit, signal) =>
      state.q
        ? []
        : (
            await api.contacts(
              { ...asked(filters()), sort: state.sort, fields: FIELDS, offset, limit },
              signal,
            )
          ).items,
    failed: told,
    arrived: () => problem.replaceChildren(),
  });

  const count = h("p", { class: "count", role: "status" });
  const problem = h("div", {});
  const empty = h("p", { class: "empty", hidden: true });

  function told(error) {
    if (!error.away) problem.replaceChildren(failure(error, () => list()));
  }

  // Of several that are under way, the last one counts.
  let asking = null;
  let pause = null;

  async function list(from) {
    clearTimeout(pause);
    asking?.abort();
    const mine = (asking = new AbortController());
    remember();
    rows.element.setAttribute("aria-busy", "true");
    const what = { ...asked(filters()), fields: FIELDS };
    const show = (items, total) => {
      problem.replaceChildren();
      rows.reset(total, from, items);
      empty.hidden = total > 0;
      empty.textContent = state.q ? t.contacts.nobodyFound : t.contacts.nobody;
    };
    try {
      if (state.q) {
        const query = { ...what, q: state.q, limit: FOUND_AT_MOST };
        const { items, more } = await api.contacts(query, mine.signal);
        if (mine !== asking) return;
        show(items, items.length);
        say(t.contacts.found(number(items.length), more));
      } else {
        // Who the first ones are is told sooner than how many there are.
        const counted = total(mine.signal);
        counted.catch(() => {});
        const query = { ...what, sort: state.sort, limit: 100, offset: 0 };
        const { items } = await api.contacts(query, mine.signal);
        if (mine !== asking) return;
        if (!from) show(items, items.length);
        const all = await counted;
        if (mine !== asking) return;
        if (from) show(items, all);
        else rows.setTotal(all);
        say(t.contacts.count(number(all), all));
      }
    } catch (error) {
      if (error.name !== "AbortError" && mine === asking) {
        // What was shown is not what these filters leave.
        if (!error.away) {
          rows.reset(0);
          say("");
        }
        told(error);
      }
    }
    if (mine === asking) rows.element.removeAttribute("aria-busy");
  }

  const total = async (signal) => {
    const query = { ...asked(filters()), fields: "id", limit: 1, offset: 0, count: "true" };
    return (await api.contacts(query, signal)).total;
  };

  function say(text) {
    if (count.textContent !== text) count.textContent = text;
  }

  function remember() {
    const address = new URLSearchParams(
      Object.entries(state).filter(([, value]) => value !== ""),
    ).toString();
    changeAddress(`#/contacts${address ? `?${address}` : ""}`);
    left = { query: address };
    order.querySelector("select").disabled = state.q !== ""; // what is found comes the best first
    reset.hidden = FILTERS.every((name) => state[name] === "") && state.q === "";
  }

  const set = (name) => (value) => {
    state[name] = value;
    list();
  };

  const search = h("input", {
    type: "search",
    value: state.q,
    placeholder: t.contacts.search,
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": t.contacts.search,
    oninput: () => {
      state.q = search.value.trim();
      clearTimeout(pause);
      pause = setTimeout(list, 120);
    },
    onkeydown: (event) => {
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
      event.preventDefault();
      rows.element.focus();
    },
  });

  const known = h("datalist", { id: "groups" });
  let naming = null;
  const group = h("input", {
    type: "text",
    value: state.group,
    list: "groups",
    autocomplete: "off",
    placeholder: t.contacts.any.group,
    oninput: () => {
      clearTimeout(naming);
      naming = setTimeout(suggest, 150);
    },
    onchange: () => set("group")(group.value.trim()),
  });

  async function suggest() {
    try {
      const answer = await api.groups({ q: group.value.trim(), limit: 20 });
      known.replaceChildren(
        ...answer.items.map((one) => h("option", { value: one.displayName || one.id })),
      );
    } catch {
      // Suggestions only: what was typed is looked for all the same.
    }
  }

  const choice = (name, names) =>
    select(t.contacts.filters[name], options(names, t.contacts.any[name]), state[name], set(name));
  const order = select(t.contacts.sort, Object.entries(t.contacts.sorts), state.sort, set("sort"));
  const reset = h(
    "button",
    { type: "button", class: "plain", onclick: () => go("#/contacts", true) },
    icon("close"),
    t.contacts.reset,
  );

  const filtering = h(
    "div",
    { class: "filters", id: "filters" },
    choice("source", t.sources),
    choice("status", { ...t.statuses, all: t.contacts.allStatuses }),
    choice("kind", t.kinds),
    h("label", { class: "field" }, h("span", {}, t.contacts.filters.group), group, known),
    choice("hidden", t.contacts.hidden),
    order,
    reset,
  );
  // Only narrow windows show it, and begin with the filters out of the way.
  const narrow = h(
    "button",
    {
      type: "button",
      class: "narrow",
      "aria-expanded": "false",
      "aria-controls": "filters",
      onclick: () => {
        const shown = filtering.classList.toggle("shown");
        narrow.setAttribute("aria-expanded", String(shown));
      },
    },
    t.contacts.narrow,
  );

  place.append(
    heading(
      t.contacts.title,
      h(
        "button",
        { type: "button", onclick: () => exportDialog({ ...state }, filters()) },
        icon("download"),
        t.exporting.open,
      ),
    ),
    h(
      "div",
      { class: "tools", role: "search" },
      h("div", { class: "searching" }, icon("search"), search),
      narrow,
      filtering,
    ),
    count,
    problem,
    rows.element,
    empty,
  );
  place.classList.add("filling");
  list(back);

  // In the list alone: elsewhere, a single key would be pressed by whoever dictates.
  rows.element.setAttribute("aria-keyshortcuts", "/");
  rows.element.addEventListener("keydown", (event) => {
    if (event.key !== "/") return;
    event.preventDefault();
    search.focus();
  });

  return {
    focus: back ? rows.element : undefined,
    /// What is published has changed.
    async changed() {
      if (state.q) return list(rows.place());
      rows.refresh();
      const then = asking;
      const all = await total();
      // Of other filters, this number says nothing.
      if (then !== asking || all === rows.total) return;
      rows.setTotal(all);
      say(t.contacts.count(number(all), all));
    },
    close() {
      left = { ...left, place: rows.place() };
      clearTimeout(pause);
      asking?.abort();
      asking = null;
      rows.close();
    },
  };
}
