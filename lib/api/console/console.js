// The frame of the console: signing in, the views and how to get from one to another, and how gald
// is doing meanwhile.
import * as api from "/console/api.js";
import * as conflicts from "/console/conflicts.js";
import * as contact from "/console/contact.js";
import * as contacts from "/console/contacts.js";
import { announce, failure, h, heading, icon } from "/console/dom.js";
import * as overview from "/console/overview.js";
import * as plans from "/console/plans.js";
import * as runs from "/console/runs.js";
import { t } from "/console/texts.js";

const QUIET = 10_000; // between two questions how gald is doing
const BUSY = 2_000; // while a cycle is under way
const RETRY_MOST = 30_000;

const VIEWS = {
  overview: { view: overview, title: t.overview.title },
  contacts: { view: contacts, title: t.contacts.title },
  conflicts: { view: conflicts, title: t.conflicts.title },
  plans: { view: plans, title: t.plans.title, whole: true },
  runs: { view: runs, title: t.runs.title, whole: true },
};

const main = h("main", { id: "main" });
// The sentence alone is an alert: seconds that are counted down are read out by nobody.
const alert = h("span", { role: "alert" });
const countdown = h("span", {});
const banner = h(
  "div",
  { class: "banner", hidden: true },
  icon("alert"),
  alert,
  countdown,
  h("button", { type: "button", onclick: () => watch() }, t.tryNow),
);
let who = null; // nobody has signed in
let showing = null; // what the open view promises
let status = null;

// --- Views

/// "#/contacts/ID?tab=groups": the name of the view, what follows, and the query
function parsed(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [name, ...rest] = path
    .split("/")
    .filter(Boolean)
    .map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch {
        return segment;
      }
    });
  return { name: name ?? "overview", path: rest, query: new URLSearchParams(query) };
}

const titled = (text) => {
  document.title = t.page(text);
};

/// Without an entry in the browser's history.
const changeAddress = (hash) => history.replaceState(null, "", hash);

function go(hash, again = false) {
  if (again && location.hash === hash) show();
  else location.hash = hash;
}

function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

function show() {
  closeDialogs();
  showing?.close?.();
  showing = null;
  const { name, path, query } = parsed(location.hash);
  const found = Object.hasOwn(VIEWS, name) ? VIEWS[name] : null;
  const one = name === "contacts" && path.length > 0;
  for (const link of document.querySelectorAll("nav a"))
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  const place = h("div", { class: "view" });
  main.replaceChildren(place);
  if (!found || (found.whole && who.restricted)) {
    titled(t.lost.title);
    place.append(heading(t.lost.title), h("p", {}, found ? t.lost.restricted : t.lost.text));
    return;
  }
  titled(found.title);
  const context = { who, path, query, go, changeAddress, retitle: titled, expectCycle };
  showing = (one ? contact : found.view).open(place, context);
  if (status) showing?.status?.(status);
  (showing?.focus ?? place.querySelector("h1") ?? main).focus?.({ preventScroll: true });
  if (!showing?.focus) scrollTo(0, 0);
}

// --- How gald is doing

let timer = null;
let wait = 0;
let asking = 0;
let expecting = false; // a cycle was asked for, and there is nothing to be seen of it yet

function soon(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(watch, milliseconds);
}

/// A cycle is over, also one between two questions, or something else has published. Tokens for a
/// part are told of cycles alone.
const moved = (before, now) =>
  before.lastChange !== now.lastChange ||
  before.openPlans !== now.openPlans ||
  (now.state === "idle" && (before.state !== "idle" || before.since !== now.since));

async function watch() {
  if (!who) return;
  if (document.hidden && !away()) return soon(QUIET);
  const mine = ++asking;
  try {
    const now = await api.status();
    if (!who || mine !== asking) return;
    const before = status;
    status = now;
    showing?.status?.(now);
    const over = before && moved(before, now);
    if (over || now.state !== "idle") expecting = false;
    if (over) renew();
    soon(expecting || now.state === "reading" || now.state === "publishing" ? BUSY : QUIET);
  } catch (problem) {
    if (who && mine === asking && !problem.away) soon(QUIET);
  }
}

function expectCycle() {
  expecting = true;
  watch();
}

/// The open view shows what has changed, as far as it can.
async function renew() {
  contact.forgetNames();
  try {
    await showing?.changed?.();
  } catch {
    // What was shown stays; if gald is away, the banner says so.
  }
}

const away = () => !banner.hidden;

let counting = null;

function left() {
  if (!who) return;
  wait = Math.min(wait === 0 ? 2000 : wait * 2, RETRY_MOST);
  const until = Date.now() + wait;
  if (banner.hidden) {
    banner.hidden = false;
    alert.textContent = t.away;
  }
  clearInterval(counting);
  const count = () => {
    countdown.textContent = t.tryingIn(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
  };
  count();
  counting = setInterval(count, 1000);
  soon(wait);
}

function back() {
  if (!away()) return;
  wait = 0;
  clearInterval(counting);
  banner.hidden = true;
  alert.textContent = "";
  announce(t.back);
  renew();
}

// --- Signing in

function shell() {
  const link = (name) => h("a", { href: `#/${name}`, "data-view": name }, VIEWS[name].title);
  const names = Object.keys(VIEWS).filter((name) => !(VIEWS[name].whole && who.restricted));
  const may = [t.scopes[who.scope] ?? who.scope, who.restricted && t.restricted]
    .filter(Boolean)
    .join(", ");
  document.body.replaceChildren(
    h(
      "a",
      {
        class: "skip",
        href: "#main",
        onclick: (event) => {
          event.preventDefault();
          (main.querySelector("h1") ?? main).focus();
        },
      },
      t.skip,
    ),
    h(
      "header",
      { class: "bar" },
      h("a", { class: "brand", href: "#/overview" }, t.name),
      h("nav", { "aria-label": t.navigation }, names.map(link)),
      h(
        "div",
        { class: "account" },
        h(
          "span",
          { class: "name", title: may },
          who.name,
          h("span", { class: "quiet" }, ` ${may}`),
        ),
        api.hasToken() &&
          h(
            "button",
            { type: "button", class: "plain", onclick: signOut },
            t.signIn.out,
          ),
      ),
    ),
    banner,
    main,
  );
}

async function enter() {
  who = await api.me();
  status = null;
  wait = 0;
  expecting = false;
  shell();
  show();
  watch();
}

function signIn(told) {
  const note = h("div", { class: "note", role: "alert", hidden: !told }, told);
  const field = h("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-help",
  });
  const button = h("button", { type: "submit", class: "primary" }, t.signIn.action);
  async function submit(event) {
    event.preventDefault();
    const text = field.value.trim();
    if (!/^[\x21-\x7e]+$/.test(text)) return say(t.signIn.malformed);
    button.disabled = true;
    api.keepToken(text);
    try {
      await enter();
      announce(t.signIn.welcome(who.name));
    } catch (problem) {
      api.forgetToken();
      if (!problem.away) field.select();
      say(problem.status === 401 ? t.signIn.refused : problem.message);
    }
    button.disabled = false;
  }
  function say(text) {
    note.hidden = false;
    note.textContent = text;
    field.focus();
  }
  titled(t.signIn.title);
  document.body.replaceChildren(
    h(
      "main",
      { class: "sign-in" },
      h(
        "form",
        { class: "card", onsubmit: submit },
        h("h1", { class: "brand" }, t.name),
        h("p", { class: "lead" }, t.signIn.lead),
        note,
        h("label", { for: "token" }, t.signIn.token),
        field,
        h("p", { id: "token-help", class: "quiet" }, t.signIn.help),
        button,
      ),
    ),
  );
  field.focus();
}

function signedOut(told) {
  const was = who;
  who = null;
  clearTimeout(timer);
  clearInterval(counting);
  banner.hidden = true;
  alert.textContent = "";
  closeDialogs();
  showing?.close?.();
  showing = null;
  contact.forgetNames();
  api.forgetToken();
  if (was) signIn(told);
}

/// Whoever goes leaves nothing of what they looked at; whose token ends goes on with another one.
function signOut() {
  signedOut(t.signIn.bye);
  contacts.forgetList();
  changeAddress(location.pathname);
}

api.events.addEventListener("away", left);
api.events.addEventListener("there", back);
api.events.addEventListener("signed-out", () => signedOut(t.signIn.ended));
addEventListener("hashchange", () => {
  if (who) show();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && who) watch();
});

// Whoever is known without a token, by a certificate, needs none.
const had = api.hasToken();
try {
  await enter();
} catch (problem) {
  if (problem.status === 401) signIn(had ? t.signIn.ended : "");
  else
    document.body.replaceChildren(
      h(
        "main",
        { class: "sign-in" },
        failure(problem, () => location.reload()),
      ),
    );
}
