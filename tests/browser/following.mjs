// What changes while somebody looks, and answers that come late: what is shown stays true, and
// stays where it was.
import assert from "node:assert/strict";
import { test } from "node:test";

import { api, makeToken, open, shot, tenant, until, url } from "./browser.mjs";
import { session, text, count, total, settled, close, listed } from "./session.mjs";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const goTo = (page, hash) =>
  page.evaluate((to) => {
    location.hash = to;
  }, hash);

const rowNumber = (page) => text(page, "tbody th");

/// A page of a window that comes into sight looks at once.
const look = (page) =>
  page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

/// From now on the status is told as `change` makes it.
const statusIs = (page, change) =>
  page.route(/identity\/status/, async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    change(json);
    await route.fulfill({ response, json });
  });

async function cycle() {
  const asked = await fetch(`${url}/api/identity/sync`, {
    method: "POST",
    headers: { Authorization: `Bearer ${session.token}` },
  });
  const { lastRun } = await asked.json();
  return until(
    async () => {
      const [newest] = (await api(session.token, "/runs?limit=1")).body.items;
      return newest.run > lastRun && newest.endedAt && newest;
    },
    "the end of a cycle",
    60,
  );
}

test("an answer that comes late changes nothing of another view", async () => {
  const people = listed();
  const [late, other] = people.filter((one) => one.displayName?.startsWith("Greta "));
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  await page.route(new RegExp(`/contacts/${late.id}$`), async (route) => {
    await pause(1200);
    await route.continue().catch(() => {});
  });
  for (const [hash, title] of [
    [`#/contacts/${other.id}`, other.displayName],
    ["#/conflicts", "Conflicts"],
  ]) {
    const answered = page.waitForResponse(new RegExp(`/contacts/${late.id}$`));
    await goTo(page, `#/contacts/${late.id}`);
    await page.waitForSelector(".skeleton");
    await goTo(page, hash);
    await page.waitForSelector(`h1:has-text('${title}')`);
    await answered;
    await pause(300);
    assert.equal(new URL(page.url()).hash, hash);
    assert.equal(await page.title(), `${title} · gald`);
  }
  await close(page);
});

test("a number of other filters does not end up in the list", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  const hybrid = listed("--source", "hybrid").length;
  await until(async () => (await count(page)) === listed().length, "everybody");
  // The number of all comes once the filter is set.
  await page.route(
    (address) => address.search.includes("count=true") && !address.search.includes("source="),
    async (route) => {
      await pause(1500);
      await route.fulfill({ json: { items: [], next: null, total: 9999 } }).catch(() => {});
    },
  );
  const asked = page.waitForRequest(/count=true/);
  await statusIs(page, (status) => {
    status.lastChange += 1;
  });
  await look(page);
  await asked;
  await page.selectOption("select:near(:text('Source'))", "hybrid");
  await until(async () => (await count(page)) === hybrid, "hybrid contacts");
  await pause(1800);
  assert.equal(await count(page), hybrid);
  assert.equal(await page.getAttribute(".rows", "aria-rowcount"), String(hybrid + 1));
  await close(page);
});

test("a filter asks for the first page once", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  await settled(page);
  const asked = [];
  page.on("request", (request) => {
    const { searchParams } = new URL(request.url());
    if (searchParams.get("limit") === "100") asked.push(searchParams.get("offset"));
  });
  await page.selectOption("select:near(:text('Source'))", "cloud");
  await until(async () => (await count(page)) === listed("--source", "cloud").length, "the cloud");
  await settled(page);
  await pause(200);
  assert.equal(asked.filter((offset) => offset === "0").length, 1, asked.join(" "));
  await close(page);
});

test("a publication has a name", async () => {
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  await statusIs(page, (status) => {
    status.state = "publishing";
    status.nextCycleAt = null;
    status.progress = [
      {
        connector: null,
        collection: null,
        objects: 120_000,
        expected: 1_000_000,
        full: true,
        done: false,
      },
    ];
  });
  await look(page);
  await page.waitForSelector("h2:has-text('What is being published')");
  assert.equal(
    (await text(page, "ul.progress li")).replace(/\s+/g, " "),
    "Publication 120,000 of about 1,000,000",
  );
  await close(page);
});

test("a service that waits says what for", async () => {
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  await statusIs(page, (status) => {
    status.state = "waiting";
    status.nextCycleAt = null;
  });
  await look(page);
  await page.waitForSelector(".state:has-text('Waiting for another process')");
  await close(page);
});

test("the page follows a cycle that changed nothing", async () => {
  const runs = await open("#/runs", { token: session.token });
  await runs.waitForSelector("tbody tr");
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".chart svg");
  await page.waitForSelector(".state:has-text('Next cycle')");
  const slowly = async (route) => {
    await pause(800);
    await route.continue().catch(() => {});
  };
  await page.route(/identity\/status/, slowly);
  await page.click("text=Sync now");
  await page.waitForSelector(".done:has-text('A cycle was asked for')");
  await page.unroute(/identity\/status/, slowly);
  // It has begun, or is over already.
  await page.waitForSelector(".done", { state: "detached" });
  const { run } = await cycle();
  await until(async () => Number(await rowNumber(runs)) >= run, "the run in its list", 30);
  const bars = () => page.locator(".chart").first().locator("rect").count();
  const ended = async () =>
    (await api(session.token, "/runs?limit=40")).body.items.filter((one) => one.endedAt).length;
  await until(async () => (await bars()) === (await ended()), "the run in the chart", 30);
  await close(page);
  await close(runs);
});

test("a token for a part follows what is published of it", async () => {
  const token = await makeToken("follower", "--source", "cloud");
  const page = await open("#/overview", { token });
  await page.waitForSelector(".tiles");
  await page.waitForSelector(".state:has-text('Idle')");
  const before = await total(page);
  await tenant("POST", "/bulk", {
    mailcontacts: [
      {
        Name: "newcomer",
        DisplayName: "Nora Newcomer",
        ExternalEmailAddress: "SMTP:nora@tailspin.example",
      },
    ],
  });
  await cycle();
  await until(async () => (await total(page)) === before + 1, "one more", 30);
  await close(page);
});

test("what is told of sources stays where it is while nothing is new", async () => {
  const page = await open("#/overview", { token: session.token, phone: true });
  const sources = ".wide[aria-label='Sources']";
  await page.waitForSelector(`${sources} tbody tr`);
  let behind = 0;
  await statusIs(page, (status) => {
    for (const one of status.connectors)
      one.lastSuccess = new Date(Date.parse(one.lastSuccess) - behind).toISOString();
    status.connectors[0].liveRecords += behind;
  });
  await look(page);
  await pause(300);
  const place = () =>
    page.evaluate((selector) => {
      const table = document.querySelector(selector);
      return {
        scrolled: table.scrollLeft,
        focus: document.activeElement === table,
        selected: getSelection().toString(),
      };
    }, sources);
  await page.evaluate((selector) => {
    const table = document.querySelector(selector);
    table.focus();
    table.scrollLeft = 60;
    getSelection().selectAllChildren(table.querySelector("tbody tr:nth-child(2) .said"));
  }, sources);
  const before = await place();
  assert.ok(before.scrolled > 0 && before.focus && before.selected.includes("/"));
  const answered = page.waitForResponse(/identity\/status/);
  await look(page);
  await answered;
  await pause(300);
  assert.deepEqual(await place(), before);
  // What is new appears, and moves nothing either.
  behind = 7_200_000;
  await look(page);
  await page.waitForSelector(`${sources} td:has-text('7,200,')`);
  const after = await place();
  assert.equal(after.scrolled, before.scrolled);
  assert.ok(after.focus);
  await close(page);
});

test("charts and tables can be read on a phone", async () => {
  const page = await open("#/overview", { token: session.token, phone: true });
  await page.waitForSelector(".chart svg text");
  await page.waitForSelector(".wide[aria-label='Sources'] th .said");
  const sizes = await page.locator(".chart svg text").evaluateAll((texts) =>
    texts.map((one) => Number.parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a),
  );
  assert.ok(Math.min(...sizes) >= 10, sizes.join(" "));
  // Names in a table are not broken within a word: it scrolls.
  const lines = await page
    .locator(".wide[aria-label='Sources'] th .said")
    .evaluateAll((names) => names.map((name) => name.getClientRects().length));
  assert.ok(lines.length > 3 && lines.every((one) => one === 1), lines.join(" "));
  // The same numbers are there for those who listen.
  assert.equal(
    await page.locator(".chart rect").count(),
    await page.locator(".chart .unseen li").count(),
  );
  await shot(page, "charts-phone");
  await close(page);
});

/// As if the index had a million.
async function million(page) {
  const all = 1_000_000;
  await page.route(/identity\/contacts\?/, async (route) => {
    const query = new URL(route.request().url()).searchParams;
    if (query.get("count"))
      return route.fulfill({ json: { items: [], next: null, total: all } });
    const offset = Number(query.get("offset"));
    const items = Array.from(
      { length: Math.min(Number(query.get("limit")), all - offset) },
      (_, index) => ({
        id: `00000000-0000-4000-8000-${String(offset + index).padStart(12, "0")}`,
        kind: "user",
        source: "cloud",
        status: "active",
        displayName: `Name ${offset + index}`,
        mail: null,
        companyName: null,
        jobTitle: null,
        phones: [],
        hidden: null,
      }),
    );
    return route.fulfill({ json: { items, next: null } });
  });
}

/// The numbers of the rows in sight, in the order of the document.
const inSight = (page) =>
  page.evaluate(() => {
    const window_ = document.querySelector(".rows").getBoundingClientRect();
    const head = document.querySelector(".row.head").offsetHeight;
    return [...document.querySelectorAll(".spacer .row")]
      .filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return bottom > window_.top + head + 1 && top < window_.bottom - 1;
      })
      .map((row) => Number(row.getAttribute("aria-rowindex")) - 2);
  });

test("a list of a million ends where it ends, and stays where it was left", async () => {
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  await million(page);
  await goTo(page, "#/contacts");
  await page.waitForSelector(".count:has-text('1,000,000')");
  await page.focus(".rows");
  const box = await page.locator(".rows").boundingBox();
  await page.mouse.move(box.x + 200, box.y + 200);
  // Some pages from an end, the wheel gets there with as many notches as it takes.
  for (const [end, key, notch, last] of [
    ["Home", "PageDown", -100, 0],
    ["End", "PageUp", 100, 999_999],
  ]) {
    await page.keyboard.press(end);
    for (let step = 0; step < 5; ++step) await page.keyboard.press(key);
    await page.waitForFunction(() => !document.querySelector(".row .blank"));
    const seen = await inSight(page);
    const away = Math.min(...seen.map((index) => Math.abs(index - last))) * 44;
    assert.ok(away > 500, `${away}`);
    const most = Math.ceil(away / 100) + 4;
    let notches = 0;
    while (!(await inSight(page)).includes(last)) {
      assert.ok(++notches <= most, `${most} notches for ${away} pixels`);
      await page.mouse.wheel(0, notch);
      await page.evaluate(
        () => new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then))),
      );
      await pause(60);
    }
  }
  // The rows are in the document as they are on the screen.
  const rows = await inSight(page);
  assert.deepEqual(rows, [...rows].sort((a, b) => a - b));

  // A window that comes back finds the list where it was, wherever the active row is.
  await page.keyboard.press("Home");
  await page.mouse.wheel(0, 3000);
  await until(async () => (await inSight(page))[0] > 50, "rows further down");
  const before = await inSight(page);
  await page.evaluate(() => {
    document.activeElement.blur();
    document.querySelector(".rows").focus();
  });
  await pause(200);
  assert.deepEqual(await inSight(page), before);
  await close(page);
});

test("a name that could not be had is asked for again, and hidden is said as in the list", async () => {
  const member = listed().find((one) => one.groups.length > 0);
  const [group] = member.groups;
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  await page.route(new RegExp(`/contacts/${member.id}/history`), async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    const like = { ...json.items[0], operation: "updated" };
    json.items.unshift(
      { ...like, field: "groups", oldValue: null, newValue: group.id },
      { ...like, field: "hidden", oldValue: "false", newValue: "true" },
    );
    await route.fulfill({ response, json });
  });
  const name = new RegExp(`/contacts/${group.id}\\?fields`);
  const refuse = (route) => route.fulfill({ status: 503, json: { detail: "not now" } });
  await page.route(name, refuse);
  const refused = page.waitForResponse(name);
  await goTo(page, `#/contacts/${member.id}?tab=history`);
  await refused;
  await page.waitForSelector(".history li");
  assert.equal(await text(page, ".history li:nth-child(1) ins"), group.id);
  assert.match(await text(page, ".history li:nth-child(2)"), /Address lists: Shown → Hidden/);
  await page.unroute(name, refuse);
  await page.click("#tab-basics");
  await page.click("#tab-history");
  await page.waitForSelector(`.history ins:has-text('${group.displayName}')`);
  await close(page);
});
