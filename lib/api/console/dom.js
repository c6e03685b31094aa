// Elements from values. Text only ever becomes text: nothing in the console makes markup from a
// string, whatever a name contains.
import { t } from "/console/texts.js";

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity))
    if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

/// h("a", { href, onclick, class }, "text", another)
export const h = (name, attributes, ...children) =>
  fill(document.createElement(name), attributes, children);

export const svg = (name, attributes, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

const PATHS = {
  search: "M11 4a7 7 0 1 0 0 14a7 7 0 1 0 0-14M16.5 16.5L21 21",
  download: "M12 3v12M7 10.5l5 5l5-5M4 20h16",
  refresh: "M20 11a8 8 0 1 0-2.3 6.3M20 4v7h-7",
  back: "M15 5l-7 7l7 7",
  alert: "M12 3.5L22 20.5H2zM12 10v5M12 17.6v.4",
  close: "M6 6l12 12M18 6L6 18",
};

/// Never the only thing that says what it means.
export const icon = (name) =>
  svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" },
    svg("path", { d: PATHS[name] }),
  );

/// What somebody else has written: it stays within itself, whichever direction its letters go.
export const said = (text) => h("bdi", { class: "said" }, text);

// For people who listen: one line at a time.
const listener = h("div", { class: "unseen", role: "status", "aria-live": "polite" });

export function announce(text) {
  if (!listener.isConnected) document.body.append(listener);
  listener.textContent = "";
  setTimeout(() => {
    listener.textContent = text;
  }, 50);
}

/// A heading that takes the focus when its view opens.
export function heading(text, ...beside) {
  const title = h("h1", { tabindex: "-1" }, text);
  return h(
    "div",
    { class: "heading" },
    title,
    beside.length > 0 && h("div", { class: "beside" }, beside),
  );
}

export const pill = (kind, value, text) => h("span", { class: `pill ${kind}-${value}` }, text);

export const sourcePill = (value) => pill("source", value, t.sources[value] ?? value);
export const statusPill = (value) => pill("status", value, t.statuses[value] ?? value);

export const skeleton = (lines) =>
  h(
    "div",
    { class: "skeleton", "aria-hidden": "true" },
    Array.from({ length: lines }, () => h("div")),
  );

export function failure(problem, again) {
  return h(
    "div",
    { class: "failure", role: "alert" },
    icon("alert"),
    h(
      "div",
      {},
      h("p", {}, problem.message),
      again && h("button", { type: "button", onclick: again }, t.again),
    ),
  );
}

/// A part of a view that asks for what it shows. What was there stays until the answer has come.
export function panel(load, { lines = 4, ...attributes } = {}) {
  const place = h("div", { class: "panel", ...attributes });
  let turn = 0;
  async function refresh() {
    const mine = ++turn;
    if (mine === 1) place.append(skeleton(lines));
    place.setAttribute("aria-busy", "true");
    try {
      const content = await load();
      if (mine === turn) place.replaceChildren(...[content].flat().filter(Boolean));
    } catch (problem) {
      // Who is away has a banner of its own, and what was shown is still the best there is.
      if (mine === turn && !(problem.away && !place.querySelector(".skeleton")))
        place.replaceChildren(failure(problem, refresh));
    }
    if (mine === turn) place.removeAttribute("aria-busy");
  }
  place.refresh = refresh;
  refresh();
  return place;
}

/// A list that grows page by page: `load(cursor)` gives {items, next}, `row(item)` what goes into
/// `body`, and `frame(body)` what is around it.
export function paged({ load, row, body, frame = (inside) => inside, empty }) {
  const place = h("div", { class: "panel" }, skeleton(8));
  const around = frame(body);
  const more = h("button", { type: "button", class: "more", onclick: () => go(false) }, t.more);
  let pages = 0;
  let cursor;
  let turn = 0;

  async function go(anew) {
    const mine = ++turn;
    try {
      const answer = await load(anew ? undefined : cursor);
      if (mine !== turn) return;
      const rows = answer.items.map(row);
      if (anew) body.replaceChildren(...rows);
      else body.append(...rows);
      pages = anew ? 1 : pages + 1;
      cursor = answer.next;
      place.replaceChildren(body.hasChildNodes() ? around : h("p", { class: "empty" }, empty));
      if (cursor) place.append(more);
      if (!anew && rows.length > 0) {
        rows[0].tabIndex = -1;
        rows[0].focus();
      }
    } catch (problem) {
      if (mine === turn && !(problem.away && pages > 0))
        place.replaceChildren(failure(problem, () => go(anew)));
    }
  }

  place.restart = () => go(true);
  // Whoever has gone on keeps the place.
  place.refresh = () => {
    if (pages < 2) go(true);
  };
  go(true);
  return place;
}

/// Shows `made` in `place`. What is there already and would look the same stays, with its focus,
/// its selection and where it is scrolled to; ages go on in place.
export function renew(place, made) {
  for (const one of place.querySelectorAll("time.age"))
    if (one.textContent !== age(one.dateTime)) one.textContent = age(one.dateTime);
  made.forEach((element, index) => {
    const old = place.children[index];
    if (!old) place.append(element);
    else if (!old.isEqualNode(element)) old.replaceWith(element);
  });
  while (place.children.length > made.length) place.lastElementChild.remove();
}

/// Asks with a dialog; true once it was confirmed and `act` has succeeded. What `act` throws is
/// shown in the dialog, which stays open. Once confirmed, the answer is what comes of it, whatever
/// closes the dialog meanwhile.
export function confirm({ title, text, action, danger, act }) {
  return new Promise((resolve) => {
    const told = h("div", { role: "alert" });
    const no = h("button", { type: "button", onclick: () => dialog.close() }, t.cancel);
    const yes = h("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
    const dialog = h(
      "dialog",
      { "aria-labelledby": "dialog-title" },
      h(
        "form",
        { method: "dialog", onsubmit: submit },
        h("h2", { id: "dialog-title" }, title),
        h("p", {}, text),
        told,
        h("div", { class: "actions" }, no, yes),
      ),
    );
    let acting = null; // under way, and true if it has succeeded
    function busy(is) {
      yes.disabled = no.disabled = is;
      // Escape does nothing, however often it is pressed.
      if (is) dialog.setAttribute("closedby", "none");
      else dialog.removeAttribute("closedby");
    }
    async function tried() {
      try {
        await act();
        return true;
      } catch (problem) {
        if (dialog.open) told.replaceChildren(failure(problem));
        else announce(problem.message);
        return false;
      }
    }
    async function submit(event) {
      event.preventDefault();
      busy(true);
      told.replaceChildren();
      acting = tried();
      if (await acting) return dialog.close();
      busy(false);
      yes.focus();
    }
    dialog.addEventListener("cancel", (event) => {
      if (no.disabled) event.preventDefault();
    });
    dialog.addEventListener("close", async () => {
      dialog.remove();
      resolve((await acting) === true);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// Values as people read them.
const numbers = new Intl.NumberFormat("en");
const moments = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const ages = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export const number = (value) => numbers.format(value);

export function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (milliseconds < 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${(seconds / 3600).toFixed(1)} h`
    : `${Math.round(seconds / 86_400)} d`;
}

export function bytes(count) {
  const units = ["B", "KB", "MB", "GB"];
  let step = 0;
  for (; count >= 1000 && step < 3; ++step) count /= 1000;
  return `${step === 0 ? count : count.toFixed(1)} ${units[step]}`;
}

/// "12 minutes ago", "in 3 days"
export function age(iso) {
  const seconds = Math.round((Date.parse(iso) - Date.now()) / 1000);
  for (const [unit, size] of [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ])
    if (Math.abs(seconds) >= size * 1.5 || (unit !== "day" && Math.abs(seconds) >= size))
      return ages.format(Math.round(seconds / size), unit);
  return Math.abs(seconds) < 5 ? t.now : ages.format(seconds, "second");
}

/// Local time; the exact one for whoever points at it.
export const time = (iso, spoken = (value) => moments.format(Date.parse(value))) =>
  iso
    ? h("time", { datetime: iso, title: iso, class: spoken === age && "age" }, spoken(iso))
    : h("span", { class: "quiet" }, t.never);

export const ago = (iso) => time(iso, age);

/// A table with a caption for those who listen; `body` may be its rows.
export function table(caption, columns, body, attributes = {}) {
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      attributes,
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((column) =>
            h("th", { scope: "col", class: column.number && "number" }, column.name ?? column),
          ),
        ),
      ),
      Array.isArray(body) ? h("tbody", {}, body) : body,
    ),
  );
}

export function select(label, options, value, changed) {
  const field = h(
    "select",
    { onchange: () => changed(field.value) },
    options.map(([name, text]) => h("option", { value: name, selected: name === value }, text)),
  );
  return h("label", { class: "field" }, h("span", {}, label), field);
}
