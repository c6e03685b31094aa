// What somebody does with the console, from signing in to a decision, and what must not happen
// meanwhile. The tests share one gald and follow each other.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { api, gald, makeToken, open, shot, startBrowser, startGald, stopBrowser, stopGald, tenant, until, url }
  from "./browser.mjs";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let token;

before(async () => {
  await startBrowser();
  // Slow, so that there is something to see of a first import.
  await tenant("POST", "/settings", { latency: 1.5 });
  await startGald();
  token = makeToken("console", "--scope", "operate");
});

after(async () => {
  await stopBrowser();
  await stopGald();
});

const text = (page, selector) => page.locator(selector).first().innerText();
const count = async (page) => Number((await text(page, ".count")).replace(/\D/g, ""));
const settled = (page) => page.waitForFunction(() => !document.querySelector("[aria-busy='true'], .skeleton"));
const clean = (page) => assert.deepEqual(page.trouble, []);

const listed = (...filters) => gald("list", "--json", ...filters).trim().split("\n").filter(Boolean).map(JSON.parse);

test("a first import shows how far it is", async () => {
  const page = await open("#/overview", { token });
  await page.waitForSelector("h2:has-text('First import')");
  await page.waitForSelector(".progress progress");
  await shot(page, "first-import");
  await tenant("POST", "/settings", { latency: 0 });
  // The page needs no reload: it sees what was published.
  await until(async () => Number((await text(page, ".tile dd")).replace(/\D/g, "")) > 200, "the totals", 60);
  clean(page);
  await page.context().close();
});

test("signing in takes a token that is accepted", async () => {
  const page = await open();
  await page.waitForSelector("#token:focus");
  await shot(page, "sign-in");
  await page.fill("#token", "gald_no_such_token");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]:has-text('not accepted')");
  await page.fill("#token", "two words");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]:has-text('has no spaces')");
  await page.fill("#token", token);
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1:has-text('Overview')");
  assert.match(await text(page, ".account"), /console/);
  await page.reload();
  await page.waitForSelector("h1:has-text('Overview')");
  await page.click("text=Sign out");
  await page.waitForSelector("#token");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  clean(page);
  await page.context().close();
});

test("the page is small, comes in one round, and asks nobody else", async () => {
  const page = await open("#/", {});
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  let bytes = 0;
  const rounds = new Map();
  client.on("Network.loadingFinished", ({ encodedDataLength }) => { bytes += encodedDataLength; });
  client.on("Network.requestWillBeSent", ({ request, initiator }) => rounds.set(request.url, initiator.type));
  await client.send("Network.clearBrowserCache");
  await page.reload({ waitUntil: "networkidle" });
  const assets = [...rounds].filter(([address]) => !address.includes("/api/"));
  assert.ok(assets.length > 10);
  // The document names all that it needs: nothing is asked for by what was asked for.
  assert.deepEqual(assets.filter(([, type]) => !["other", "parser"].includes(type)), []);
  assert.ok(bytes < 150_000, `${bytes} bytes`);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  console.log(`${bytes} bytes in ${assets.length} requests, first content after ${paint.toFixed(0)} ms`);
  clean(page);
  await page.context().close();
});

test("the overview tells what gald status tells", async () => {
  const page = await open("#/overview", { token });
  await page.waitForSelector(".tiles");
  await settled(page);
  const tiles = Object.fromEntries(await page.locator(".tile").evaluateAll((all) =>
    all.map((tile) => [tile.querySelector("dt").innerText, Number(tile.querySelector("dd").innerText.replace(/\D/g, ""))])));
  const people = listed();
  const all = listed("--all");
  const of = (key, value) => people.filter((one) => one[key] === value).length;
  assert.equal(tiles.Contacts, people.length);
  assert.equal(tiles.Cloud, of("source", "cloud"));
  assert.equal(tiles["On-premises"], of("source", "on_premises"));
  assert.equal(tiles.Hybrid, of("source", "hybrid"));
  assert.equal(tiles.Active, of("status", "active"));
  assert.equal(tiles.Disabled, of("status", "disabled"));
  assert.equal(tiles.Deleted, all.length - people.length);
  assert.equal(tiles.Hidden, of("hidden", true));
  assert.equal(tiles.Groups, listed("--kind", "group").length);
  assert.equal(tiles.Conflicts, gald("conflicts", "--json").trim().split("\n").filter(Boolean).length);
  assert.deepEqual(await page.locator("tbody th .said").allInnerTexts().then((names) => names.includes("ad/directory")), true);
  assert.equal(await page.locator(".chart svg").count(), 2);
  await shot(page, "overview");
  await page.click(".tile:has-text('Cloud') a");
  await page.waitForSelector("h1:has-text('Contacts')");
  await settled(page);
  assert.equal(await count(page), tiles.Cloud);
  clean(page);
  await page.context().close();
});

test("the list has everybody, in order, however far one scrolls", async () => {
  const page = await open("#/contacts", { token });
  await page.waitForSelector(".row .name a");
  const people = listed();
  assert.equal(await count(page), people.length);
  assert.equal(await page.getAttribute(".rows", "aria-rowcount"), String(people.length + 1));
  await shot(page, "contacts");
  const seen = new Map();
  for (let last = -1; ;) {
    await page.waitForFunction(() => !document.querySelector(".row .blank"));
    for (const [index, name] of await page.locator(".spacer .row").evaluateAll((rows) =>
      rows.map((row) => [row.getAttribute("aria-rowindex"), row.querySelector(".name").textContent])))
      seen.set(Number(index) - 2, name);
    const top = await page.evaluate(() => {
      const rows = document.querySelector(".rows");
      rows.scrollTop += rows.clientHeight / 2;
      return rows.scrollTop;
    });
    if (top === last) break;
    last = top;
    await page.waitForTimeout(60);
  }
  assert.deepEqual([...Array(people.length).keys()].map((index) => seen.get(index)),
    people.map((one) => one.displayName ?? "(no name)"));
  clean(page);
  await page.context().close();
});

test("search and filters say what they find", async () => {
  const page = await open("#/contacts", { token });
  await page.waitForSelector(".row .name a");
  await page.selectOption("select:near(:text('Source'))", "hybrid");
  await until(async () => await count(page) === listed("--source", "hybrid").length, "hybrid contacts");
  await page.fill("input[type=search]", "mull");
  await page.waitForSelector(".row .name a:has-text('Jürgen Müller')");
  assert.match(page.url(), /source=hybrid/);
  assert.match(page.url(), /q=mull/);
  await page.fill("input[type=search]", "nobodyiscalledso");
  await page.waitForSelector(".empty:has-text('Nobody')");
  await page.click("text=Clear");
  await until(async () => await count(page) === listed().length, "everybody again");
  await page.fill(".field input", "no such group");
  await page.keyboard.press("Tab");
  await page.waitForSelector(".failure:has-text('no such group')");
  await page.fill(".field input", "Sales");
  await page.keyboard.press("Tab");
  await until(async () => await count(page) === listed("--group", "Sales").length, "the members of Sales");
  await page.selectOption("select:near(:text('Order'))", "-displayName");
  await page.waitForFunction(() => document.querySelector(".row[aria-rowindex='2'] .name a"));
  const names = listed("--group", "Sales").map((one) => one.displayName);
  await until(async () => await text(page, ".row[aria-rowindex='2'] .name") === names.at(-1), "the last one first");
  clean(page);
  await page.context().close();
});

test("the last answer wins", async () => {
  const page = await open("#/contacts", { token });
  await page.waitForSelector(".row .name a");
  // The answer for "Ada" comes after the one for "Bruno".
  await page.route(/[?&]q=Ada/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue().catch(() => {});
  });
  await page.fill("input[type=search]", "Ada");
  await page.waitForTimeout(300);
  await page.fill("input[type=search]", "Bruno");
  await page.waitForSelector(".row .name a:has-text('Bruno')");
  await page.waitForTimeout(1800);
  assert.equal(await page.locator(".row .name a:has-text('Ada')").count(), 0);
  clean(page);
  await page.context().close();
});

test("everything can be done with the keyboard", async () => {
  const page = await open("#/contacts", { token });
  await page.waitForSelector(".row .name a");
  await page.keyboard.press("/");
  await page.keyboard.type("keller");
  await page.waitForSelector(".row .name a:has-text('Anna Keller')");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1:has-text('Anna Keller')");
  await page.waitForSelector("[role=tab]");
  for (let step = 0; step < 12; ++step) {
    if (await page.evaluate(() => document.activeElement.id === "tab-basics")) break;
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("ArrowRight");
  await page.waitForSelector("#tab-groups[aria-selected=true]");
  assert.match(page.url(), /tab=groups/);
  await page.goBack();
  await page.waitForSelector(".row .name a:has-text('Anna Keller')");
  await page.keyboard.press("/");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await until(async () => await count(page) > 200, "everybody");
  await page.keyboard.press("Enter");  // into the list
  await page.keyboard.press("End");
  const last = listed().at(-1).displayName;
  await page.waitForFunction((name) => document.querySelector(".row.active .name")?.textContent === name, last);
  await page.keyboard.press("Home");
  await page.keyboard.press("PageDown");
  await page.keyboard.press("ArrowUp");
  await page.waitForSelector(".row.active .name a");
  const chosen = await text(page, ".row.active .name");
  await page.keyboard.press("Enter");
  await page.waitForSelector(`.who h1`);
  assert.equal(await text(page, ".who h1"), chosen);
  await page.goBack();
  await page.waitForSelector(".row.active .name a");
  assert.equal(await text(page, ".row.active .name"), chosen);
  assert.equal(await page.evaluate(() => document.activeElement.className), "rows");
  // Every control in the order of tabs shows that it has the focus.
  for (let step = 0; step < 20; ++step) {
    await page.keyboard.press("Tab");
    const shown = await page.evaluate(() => {
      const at = document.activeElement;
      const style = getComputedStyle(at);
      return at === document.body || style.outlineStyle !== "none" || at.matches(".tile a");
    });
    assert.ok(shown, await page.evaluate(() => document.activeElement.outerHTML.slice(0, 200)));
  }
  clean(page);
  await page.context().close();
});

test("a contact tells what it is, its groups, its history and its sources", async () => {
  const [someone] = listed().filter((one) => one.displayName === "Jürgen Müller");
  const page = await open(`#/contacts/${someone.id}`, { token });
  await page.waitForSelector(".facts");
  const basics = await text(page, "[role=tabpanel]");
  for (const value of [someone.jobTitle, someone.companyName, someone.department, someone.mail, ...someone.phones.map((one) => one.raw),
    ...someone.addresses.map((one) => one.value)].filter(Boolean))
    assert.ok(basics.includes(value), value);
  await shot(page, "contact-basics");
  await page.click("#tab-groups");
  for (const group of someone.groups) await page.waitForSelector(`.groups a:has-text('${group.displayName}')`);
  await shot(page, "contact-groups");
  await page.click("#tab-history");
  await page.waitForSelector(".history li");
  const lines = gald("history", someone.id, "--json").trim().split("\n").length;
  assert.equal(await page.locator(".history li").count(), lines);
  await shot(page, "contact-history");
  await page.click("#tab-sources");
  await page.waitForSelector("table");
  const told = JSON.parse(gald("explain", someone.id, "--json"));
  const sources = await text(page, "[role=tabpanel]");
  for (const record of told.records) assert.ok(sources.includes(record.anchor), record.anchor);
  assert.ok(sources.includes(told.source.reason.text));
  await shot(page, "contact-sources");
  clean(page);
  await page.context().close();
});

test("hostile names are names", async () => {
  const everybody = listed();
  const names = everybody.filter((one) => one.mail?.startsWith("hostile"));
  assert.ok(names.length >= 10);
  const page = await open("#/contacts", { token });
  await page.waitForSelector(".row .name a");
  await page.fill("input[type=search]", "hostile");
  await until(async () => await page.locator(".spacer .row .name a").count() >= 10, "the hostile ones");
  await shot(page, "hostile");
  for (const one of names) {
    await page.goto(`${url}/#/contacts/${one.id}`);
    await page.waitForSelector(".who h1");
    await page.waitForFunction((name) => document.querySelector(".who h1")?.textContent === name, one.displayName);
    for (const tab of ["groups", "history", "sources"]) {
      await page.click(`#tab-${tab}`);
      await settled(page);
    }
    assert.equal(await page.evaluate(() => document.querySelectorAll("main script, main img, main iframe, main [onmouseover], "
      + "main a[href^='javascript']").length), 0);
  }
  for (const hash of ["#/overview", "#/conflicts", "#/runs", "#/<img src=x onerror=alert(1)>", "#/contacts/%3Cscript%3E",
    "#/contacts?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&group=%22%3E%3Cscript%3E"]) {
    await page.goto(`${url}/${hash}`);
    await settled(page);
  }
  assert.equal(await page.evaluate(() => window.hit), undefined);
  // Even a script that tried could not make markup of a string.
  assert.equal(await page.evaluate(() => {
    try {
      document.querySelector("main").innerHTML = "<p>markup</p>";
      return "made";
    } catch (error) {
      return error.name;
    }
  }), "TypeError");
  page.trouble = page.trouble.filter((line) => !line.includes("TrustedHTML"));
  clean(page);
  await page.context().close();
});

test("an export is what gald export writes", async () => {
  const page = await open("#/contacts?source=hybrid", { token });
  await page.waitForSelector(".row .name a");
  for (const [format, columns, words] of [["csv", "visible", []], ["csv", "all", ["--columns", "all"]], ["jsonl", null, []], ["xlsx", "visible", null]]) {
    await page.click("button:has-text('Export')");
    await page.selectOption("dialog select", format);
    if (columns) await page.check(`dialog input[value=${columns}]`);
    const coming = page.waitForEvent("download");
    await page.click("dialog button[type=submit]");
    const file = await coming;
    assert.equal(file.suggestedFilename(), `contacts.${format}`);
    const bytes = fs.readFileSync(await file.path());
    if (words) {
      const expected = gald("export", "--format", format, "--source", "hybrid", ...words);
      assert.equal(bytes.toString("utf8"), expected, format);
    } else {
      assert.equal(bytes.subarray(0, 2).toString(), "PK");
    }
    await page.waitForSelector("dialog :text('is saved')");
    if (format === "xlsx") await shot(page, "export");
    await page.click("dialog button:has-text('Close')");
    await page.waitForSelector("dialog", { state: "detached" });
  }
  await page.route(/export/, (route) => route.fulfill({ status: 503, contentType: "application/problem+json",
    body: JSON.stringify({ type: "about:blank", title: "Service Unavailable", status: 503, detail: "two exports are being made already" }) }));
  await page.click("button:has-text('Export')");
  await page.click("dialog button[type=submit]");
  await page.waitForSelector("dialog .failure:has-text('two exports')");
  clean(page);
  await page.context().close();
});

test("conflicts say what to do", async () => {
  const page = await open("#/conflicts", { token });
  await page.waitForSelector(".conflict");
  const lines = gald("conflicts", "--json").trim().split("\n").filter(Boolean).map(JSON.parse);
  assert.equal(await page.locator(".conflict").count(), Math.min(50, lines.length));
  const shown = await text(page, "main");
  for (const line of lines.slice(0, 10)) {
    assert.ok(shown.includes(line.evidence), line.evidence);
    assert.ok(shown.includes(line.remedy), line.remedy);
  }
  await shot(page, "conflicts");
  await page.click(".conflict .sides a");
  await page.waitForSelector(".who h1");
  clean(page);
  await page.context().close();
});

const objects = async (kind) => (await tenant("GET", "/objects"))[kind];

async function vanish(names) {
  for (const one of Object.values(await objects("mailcontacts")))
    if (names.has(one.DisplayName)) await tenant("DELETE", `/mailcontacts/${one.Guid}`);
}

test("what is held is approved or rejected", async () => {
  const page = await open("#/overview", { token });
  await page.waitForSelector(".tiles");
  const before = listed().length;
  await vanish(new Set(["Ada", "Bruno", "Chiara"].flatMap((given) => listed().map((one) => one.displayName)
    .filter((name) => name?.startsWith(given + " ")))));
  await page.click("text=Sync now");
  await page.waitForSelector("main :text('A cycle was asked for')");
  // The plan appears by itself.
  await page.waitForSelector(".held .plan", { timeout: 60_000 });
  assert.equal(listed().length, before);
  await shot(page, "plan-held");
  await page.click(".held .plan h3 a");
  await page.waitForSelector("tbody .operation-deleted");
  await shot(page, "plan");

  await page.click("button:has-text('Approve')");
  await page.waitForSelector("dialog[open]");
  await shot(page, "plan-approve");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  assert.equal(listed().length, before);

  await page.click("button:has-text('Approve')");
  await page.click("dialog button[type=submit]");
  await page.waitForSelector("main :text('is approved')");
  await page.waitForSelector(".pill.plan-approved");
  await until(() => listed().length < before, "what was approved is done");

  const then = listed().length;
  await vanish(new Set(["Dilan", "Elif", "Farid"].flatMap((given) => listed().map((one) => one.displayName)
    .filter((name) => name?.startsWith(given + " ")))));
  await page.goto(`${url}/#/overview`);
  await page.click("text=Sync now");
  await page.waitForSelector(".held .plan", { timeout: 60_000 });
  await page.click("button:has-text('Reject')");
  await page.click("dialog button[type=submit]");
  await page.waitForSelector(".held", { state: "detached" });
  assert.equal(listed().length, then);
  await page.goto(`${url}/#/plans`);
  await page.waitForSelector(".pill.plan-rejected");
  await page.check("input[type=checkbox]");
  await page.waitForSelector(".pill.plan-approved");
  await shot(page, "plans");
  await page.goto(`${url}/#/runs`);
  await page.waitForSelector("table tbody tr");
  await shot(page, "runs");
  clean(page);
  await page.context().close();
});

test("a token that may only read decides nothing", async () => {
  const reader = makeToken("reader");
  const page = await open("#/overview", { token: reader });
  await page.waitForSelector(".tiles");
  await settled(page);
  assert.equal(await page.locator("button:has-text('Sync now'), button:has-text('Approve')").count(), 0);
  await page.goto(`${url}/#/plans/1`);
  await page.waitForSelector(".plan");
  assert.equal(await page.locator("button:has-text('Approve')").count(), 0);
  clean(page);
  await page.context().close();
});

test("a token for a part sees that part and no more", async () => {
  const part = makeToken("part", "--group", "Sales");
  const page = await open("#/overview", { token: part });
  await page.waitForSelector(".tiles");
  await settled(page);
  assert.match(await text(page, ".account"), /part of the index/);
  assert.equal(await page.locator("nav a").count(), 3);
  const members = listed("--group", "Sales").length;
  assert.equal(Number((await text(page, ".tile dd")).replace(/\D/g, "")), members);
  await page.goto(`${url}/#/contacts`);
  await page.waitForSelector(".row .name a");
  assert.equal(await count(page), members);
  await page.click(".row .name a");
  await page.waitForSelector(".who h1");
  for (const tab of ["groups", "history", "sources"]) {
    await page.click(`#tab-${tab}`);
    await settled(page);
  }
  await page.goto(`${url}/#/runs`);
  await page.waitForSelector("h1:has-text('Nothing is here')");
  clean(page);
  await page.context().close();
});

test("a token that ends leads back to signing in", async () => {
  const brief = makeToken("brief");
  const page = await open("#/contacts", { token: brief });
  await page.waitForSelector(".row .name a");
  gald("token", "revoke", "brief");
  await until(async () => (await api(brief, "/me")).status === 401, "the revocation");
  await page.fill("input[type=search]", "anna");
  await page.waitForSelector("[role=alert]:has-text('revoked or has expired')");
  await page.waitForSelector("#token:focus");
  await shot(page, "token-ended");
  await page.fill("#token", token);
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1");
  clean(page);
  await page.context().close();
});

test("a gald that goes away is missed, and is seen when it is back", async () => {
  const page = await open("#/contacts", { token });
  await page.waitForSelector(".row .name a");
  await stopGald();
  await page.waitForSelector(".banner:has-text('does not answer')", { timeout: 20_000 });
  await shot(page, "away");
  assert.ok(await page.locator(".row .name a").count() > 5);
  await page.fill("input[type=search]", "keller");
  await startGald();
  await page.waitForSelector(".banner", { state: "hidden", timeout: 40_000 });
  await page.waitForSelector(".row .name a:has-text('Anna Keller')");
  clean(page);
  await page.context().close();
});

const VIEWS = () => {
  const [someone] = listed().filter((one) => one.displayName === "Jürgen Müller");
  const contact = `#/contacts/${someone.id}`;
  return ["#/overview", "#/contacts", "#/conflicts", "#/plans", "#/plans/1", "#/runs", contact, `${contact}?tab=groups`,
    `${contact}?tab=history`, `${contact}?tab=sources`];
};

for (const dark of [false, true])
  for (const phone of [false, true])
    test(`every view is readable ${phone ? "on a phone" : "in a window"}, ${dark ? "dark" : "light"}`, async () => {
      const page = await open("#/overview", { token, dark, phone });
      await page.waitForSelector(".tiles");
      for (const view of VIEWS()) {
        await page.goto(`${url}/${view}`);
        await page.waitForSelector("h1");
        await settled(page);
        await page.waitForTimeout(150);
        const name = view.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "").replace(/-[0-9a-f]{8}-[0-9a-f-]{27}/, "");
        await shot(page, `${name}-${phone ? "phone" : "window"}-${dark ? "dark" : "light"}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${view} is too wide`);
        await page.evaluate(axe);
        const found = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa",
          "wcag22aa", "best-practice"] }));
        assert.deepEqual(found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`),
          [], view);
        assert.ok(found.passes.some((one) => one.id === "color-contrast"), view);
      }
      clean(page);
      await page.context().close();
    });
