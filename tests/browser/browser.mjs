// Chromium as the tests use it, and the gald that it looks at.
import { execFileSync, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "playwright-core";

const { GALD, GALD_CONFIG, GALD_URL, GALD_SHOTS, GALD_CHROMIUM } = process.env;

export const url = GALD_URL;

export async function until(condition, what, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(50)) {
    const found = await condition();
    if (found) return found;
  }
  throw new Error(`after ${seconds} s there is still not: ${what}`);
}

/// A command of gald's; its standard output.
export const gald = (...words) =>
  execFileSync(GALD, ["--config", GALD_CONFIG, ...words], { encoding: "utf8", maxBuffer: 1 << 28 });

/// A token that gald has noticed: it looks for new ones every second, and an address may show only so
/// many that are wrong.
export async function makeToken(name, ...words) {
  const told = gald("token", "add", name, ...words);
  const [token] = /gald_\S+/.exec(told) ?? [];
  if (!token) throw new Error(`gald token add told no token: ${told}`);
  for (let time = 0; time < 10; ++time) {
    if ((await api(token, "/me")).status === 200) return token;
    await pause(500);
  }
  throw new Error(`the token ${name} is not accepted`);
}

let daemon = null;

export async function startGald() {
  daemon = spawn(GALD, ["--config", GALD_CONFIG, "run"], { stdio: ["ignore", "ignore", "pipe"] });
  let told = "";
  daemon.stderr.on("data", (text) => {
    told += text;
  });
  await until(async () => {
    if (daemon.exitCode !== null) throw new Error(`gald run ended: ${told}`);
    return fetch(`${url}/`).then(
      (answer) => answer.ok,
      () => false,
    );
  }, "gald at its address");
}

export async function stopGald() {
  if (!daemon || daemon.exitCode !== null) return;
  const ended = new Promise((resolve) => {
    daemon.once("exit", resolve);
  });
  daemon.kill("SIGTERM");
  await ended;
}

/// The tenant's control interface.
export const tenant = async (method, path, body) => {
  const answer = await fetch(process.env.GALD_TENANT + path, {
    method,
    body: body && JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
};

/// The API, asked as a program asks.
export const api = async (token, path) => {
  const answer = await fetch(`${url}/api/identity${path}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  return { status: answer.status, body: await answer.json() };
};

let browser = null;

export async function startBrowser() {
  browser = await chromium.launch({
    executablePath: GALD_CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export const stopBrowser = () => browser?.close();

/// A page of a window of its own. What must never happen is collected in `page.trouble`. With a
/// `certificate` the gald of its origin is asked.
export async function open(hash = "", { token, certificate, phone = false, dark = false } = {}) {
  const origin = certificate?.origin ?? url;
  const context = await browser.newContext({
    colorScheme: dark ? "dark" : "light",
    acceptDownloads: true,
    timezoneId: "Europe/Berlin",
    ...(certificate && { clientCertificates: [certificate], ignoreHTTPSErrors: true }),
    ...(phone
      ? { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
      : { viewport: { width: 1360, height: 860 } }),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.trouble = [];
  page.on("dialog", (dialog) => {
    page.trouble.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("pageerror", (error) => page.trouble.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url()))
      page.trouble.push(`asked elsewhere: ${request.url()}`);
  });
  page.on("console", (message) => {
    // Answers that are no success are told there, too; what they are for is seen on the page.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      page.trouble.push(`console: ${message.text()}`);
  });
  if (token) await page.addInitScript((text) => sessionStorage.setItem("gald.token", text), token);
  await page.goto(`${origin}/${hash}`);
  return page;
}

export const shot = (page, name) => page.screenshot({ path: `${GALD_SHOTS}/${name}.png` });
