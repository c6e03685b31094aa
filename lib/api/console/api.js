// All that the console asks of gald. Nothing else in here knows a route.
import { t } from "/console/texts.js";

const ROOT = "/api/identity";
const KEPT = "gald.token"; // for this tab, until it is closed

export class Problem extends Error {
  /// `status` 0: there was no answer
  constructor(status, message) {
    super(message);
    this.status = status;
    this.away = status === 0 || status === 502 || status === 504;
  }
}

/// "signed-out" (detail: why), "away", "there"
export const events = new EventTarget();

const tell = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));

let token = sessionStorage.getItem(KEPT);

export const hasToken = () => token !== null;

export function keepToken(text) {
  token = text;
  sessionStorage.setItem(KEPT, text);
}

export function forgetToken() {
  token = null;
  sessionStorage.removeItem(KEPT);
}

function address(path, query) {
  const given = Object.entries(query ?? {}).filter(
    ([, value]) => value !== undefined && value !== "",
  );
  return ROOT + path + (given.length > 0 ? `?${new URLSearchParams(given)}` : "");
}

async function problemOf(response) {
  let detail = "";
  try {
    detail = (await response.json()).detail ?? "";
  } catch {
    // Not every answer on the way is ours: a proxy has pages of its own.
  }
  return new Problem(response.status, detail || t.refused(response.status));
}

/// The response, if it is a good one. The browser keeps nothing of it: who signs out leaves no
/// contact behind.
async function ask(path, { method = "GET", query, signal, accept = "application/json" } = {}) {
  const asked = token;
  const headers = { Accept: accept };
  if (asked !== null) headers.Authorization = `Bearer ${asked}`;
  // Whoever is known by a certificate has no other proof that no page of somebody else is asking.
  if (method === "POST") headers["Content-Type"] = "application/json";
  let response;
  try {
    const how = { method, headers, signal, redirect: "error", cache: "no-store" };
    response = await fetch(address(path, query), how);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    tell("away");
    throw new Problem(0, t.noAnswer);
  }
  if (response.ok) {
    tell("there");
    return response;
  }
  const problem = await problemOf(response);
  if (problem.away) tell("away");
  else tell("there");
  if (response.status === 401 && asked === token) {
    const why = asked === null ? "" : problem.message;
    forgetToken();
    tell("signed-out", why);
  }
  throw problem;
}

const json = async (path, options) => (await ask(path, options)).json();

const of = (id) => encodeURIComponent(id);

export const me = () => json("/me");
export const status = (signal) => json("/status", { signal });
export const overview = () => json("/contacts/overview");
export const contacts = (query, signal) => json("/contacts", { query, signal });
export const contact = (id) => json(`/contacts/${of(id)}`);
/// null: purged, or not for this token
export const contactName = async (id) => {
  try {
    return (await json(`/contacts/${of(id)}`, { query: { fields: "displayName" } })).displayName;
  } catch (problem) {
    if (problem.status === 404) return null;
    throw problem;
  }
};
export const history = (id, query) => json(`/contacts/${of(id)}/history`, { query });
export const explain = (id) => json(`/contacts/${of(id)}/explain`);
export const groups = (query, signal) => json("/groups", { query, signal });
export const conflicts = (query) => json("/conflicts", { query });
export const runs = (query) => json("/runs", { query });
export const plans = (query) => json("/plans", { query });
export const plan = (number, query) => json(`/plans/${of(number)}`, { query });
export const decide = (number, decision) =>
  json(`/plans/${of(number)}/${decision}`, { method: "POST" });
export const sync = () => json("/sync", { method: "POST" });

/// A file: {blob, name, remark}; the remark is what somebody should know of it. `progress` is told
/// how many bytes have come, and of how many if that is known. The browser keeps what does not fit
/// into memory on its disk.
export async function exported(query, signal, progress) {
  const response = await ask("/contacts/export", { query, signal, accept: "*/*" });
  // What was compressed on the way has another length than what arrives here.
  const length = response.headers.has("Content-Encoding")
    ? null
    : response.headers.get("Content-Length");
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  let came = 0;
  const counted = response.body.pipeThrough(
    new TransformStream({
      transform(piece, on) {
        came += piece.byteLength;
        progress(came, length === null ? null : Number(length));
        on.enqueue(piece);
      },
    }),
  );
  try {
    const type = response.headers.get("Content-Type") ?? "";
    const blob = await new Response(counted, { headers: { "Content-Type": type } }).blob();
    return {
      blob,
      name: name ?? `contacts.${query.format}`,
      remark: response.headers.get("Export-Remark") ?? "",
    };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, t.exporting.broken);
  }
}
