// A file of what the list shows.
import * as api from "/console/api.js";
import { asked } from "/console/contacts.js";
import { announce, bytes, failure, h } from "/console/dom.js";
import { t } from "/console/texts.js";

function save({ blob, name }) {
  const address = URL.createObjectURL(blob);
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads it while it saves.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function choice(name, label, options) {
  return h(
    "fieldset",
    {},
    h("legend", {}, label),
    Object.entries(options).map(([value, text], index) =>
      h(
        "label",
        { class: "check" },
        h("input", { type: "radio", name, value, checked: index === 0 }),
        text,
      ),
    ),
  );
}

/// `filters` are those of the list.
export function exportDialog(state, filters) {
  let stop = null;
  const told = h("div", { role: "status" });
  const bar = h("progress", { "aria-label": t.exporting.title, max: "1", hidden: true });
  const start = h("button", { type: "submit", class: "primary" }, t.exporting.start);
  const formats = h(
    "select",
    { name: "format" },
    Object.entries(t.exporting.formats).map(([value, text]) => h("option", { value }, text)),
  );
  const columns = choice("columns", t.exporting.columns, t.exporting.whichColumns);
  const form = h(
    "form",
    { onsubmit: submit },
    h("h2", { id: "export-title" }, t.exporting.title),
    h("p", {}, described(state)),
    h("label", { class: "field" }, h("span", {}, t.exporting.format), formats),
    columns,
    bar,
    told,
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", onclick: () => dialog.close() }, t.close),
      start,
    ),
  );
  const dialog = h(
    "dialog",
    {
      "aria-labelledby": "export-title",
      onclose: () => {
        stop?.abort();
        dialog.remove();
      },
    },
    form,
  );

  // Only tables have columns: the other formats hold all that they can.
  formats.addEventListener("change", () => {
    columns.hidden = !["csv", "xlsx"].includes(formats.value);
  });

  async function submit(event) {
    event.preventDefault();
    const chosen = new FormData(form);
    const format = chosen.get("format");
    stop = new AbortController();
    start.disabled = true;
    bar.hidden = false;
    bar.removeAttribute("value");
    told.replaceChildren(t.exporting.making);
    try {
      const file = await api.exported(
        { ...asked(filters), format, columns: columns.hidden ? undefined : chosen.get("columns") },
        stop.signal,
        (came, of) => {
          if (of) bar.value = came / of;
          told.replaceChildren(
            of ? t.exporting.progressOf(bytes(came), bytes(of)) : t.exporting.progress(bytes(came)),
          );
        },
      );
      save(file);
      const done = t.exporting.done(file.name, bytes(file.blob.size));
      told.replaceChildren(h("p", {}, done), file.remark && h("p", {}, file.remark));
      announce(`${done} ${file.remark}`);
    } catch (problem) {
      if (problem.name !== "AbortError") told.replaceChildren(failure(problem));
    }
    bar.hidden = true;
    start.disabled = false;
  }

  document.body.append(dialog);
  dialog.showModal();
}

function described({ q, ...state }) {
  const filters = Object.entries(t.contacts.filters)
    .filter(([name]) => state[name])
    .map(([name, label]) => `${label}: ${t.contacts.named(name, state[name])}`);
  const what =
    filters.length > 0 ? t.exporting.filtered(filters.join(", ")) : t.exporting.everything;
  return q ? `${what} ${t.exporting.notSearched}` : what;
}
