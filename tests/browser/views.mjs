// How long each view of a large index takes in a browser, from the click to the last row:
// node views.mjs; prints a line of JSON for each, milliseconds, the median of several.
import {
  api,
  makeToken,
  open,
  startBrowser,
  startGald,
  stopBrowser,
  stopGald,
  until,
} from "./browser.mjs";

const TIMES = 5;

/// In the page: does it, and waits until what is asked for is there. Both are sent as they are
/// written: the page lets nobody make code of a string.
const timed = (page, action, there) =>
  page.evaluate(`(async () => {
  const act = ${action};
  const there = ${there};
  const started = performance.now();
  act();
  while (!there()) {
    if (performance.now() - started > 30_000) throw new Error("not there after 30 s: " + there);
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  return performance.now() - started;
})()`);

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

async function tell(name, once) {
  const taken = [];
  for (let time = 0; time < TIMES; ++time) taken.push(await once(time));
  console.log(
    JSON.stringify({ name, ms: Math.round(median(taken)), most: Math.round(Math.max(...taken)) }),
  );
}

const quiet = () =>
  document.querySelector(".count")?.textContent &&
  !document.querySelector("[aria-busy='true'], .skeleton, .blank");

await startBrowser();
await startGald();
const token = await makeToken("bench");
try {
  const page = await open("#/contacts", { token });
  await page.waitForSelector(".row .name a", { timeout: 60_000 });
  await until(async () => (await api(token, "/status")).body.published, "an index");
  const goTo = async (hash) => {
    await page.evaluate(() => {
      location.hash = "#/nowhere";
    });
    await page.waitForSelector("h1:has-text('Nothing is here')");
    return page.evaluate((to) => {
      window.to = to;
    }, hash);
  };
  const view = (name, hash, there) =>
    tell(name, async () => {
      await goTo(hash);
      return timed(
        page,
        () => {
          location.hash = window.to;
        },
        there,
      );
    });

  await view(
    "overview",
    "#/overview",
    () =>
      document.querySelectorAll(".tile").length === 10 &&
      document.querySelectorAll(".chart").length === 2 &&
      !document.querySelector("[aria-busy='true'], .skeleton"),
  );
  const rows = () =>
    document.querySelectorAll(".spacer .row .name a").length > 5 &&
    !document.querySelector("[aria-busy='true'], .blank");
  await view("contacts", "#/contacts", rows);
  for (const filter of [
    "source=cloud",
    "source=hybrid",
    "status=disabled",
    "kind=user",
    "hidden=true",
    "sort=-displayName",
    "sort=-changedAt",
  ])
    await view(`contacts?${filter}`, `#/contacts?${filter}`, quiet);
  await view(
    "contacts?q=mar",
    "#/contacts?q=mar",
    () =>
      /found/.test(document.querySelector(".count")?.textContent) &&
      !document.querySelector("[aria-busy='true']"),
  );
  await view(
    "contacts?q=anna+schm",
    "#/contacts?q=anna+schm",
    () =>
      /found|Nobody/.test(document.querySelector("main").textContent) &&
      !document.querySelector("[aria-busy='true']"),
  );

  await goTo("#/contacts");
  await timed(
    page,
    () => {
      location.hash = window.to;
    },
    rows,
  );
  await tell("scroll bar to anywhere", async (time) => {
    await page.evaluate((share) => {
      window.share = share;
    }, [0.5, 0.93, 0.21, 0.77, 0.04][time]);
    return timed(
      page,
      () => {
        const list = document.querySelector(".rows");
        list.scrollTop = window.share * list.scrollHeight;
      },
      () => {
        const first = document.querySelector(".spacer .row");
        return (
          first &&
          !document.querySelector(".blank") &&
          Math.abs(
            first.getAttribute("aria-rowindex") /
              document.querySelector(".rows").getAttribute("aria-rowcount") -
              window.share,
          ) < 0.01
        );
      },
    );
  });
  await tell("to the end and to the beginning", async (time) => {
    await page.focus(".rows");
    await page.evaluate(
      (key) => {
        window.key = key;
      },
      time % 2 ? "Home" : "End",
    );
    return timed(
      page,
      () =>
        document
          .querySelector(".rows")
          .dispatchEvent(new KeyboardEvent("keydown", { key: window.key, bubbles: true })),
      () => document.querySelector(".row.active") && !document.querySelector(".blank"),
    );
  });

  const someone = (await api(token, "/contacts?limit=1&offset=1000")).body.items[0].id;
  const contact = `#/contacts/${someone}`;
  await view(
    "contact",
    contact,
    () => document.querySelector(".facts") && !document.querySelector("[aria-busy='true']"),
  );
  for (const tab of ["groups", "history", "sources"])
    await view(
      `contact, ${tab}`,
      `${contact}?tab=${tab}`,
      () =>
        document.querySelector("[role=tabpanel]") &&
        !document.querySelector("[aria-busy='true'], .skeleton"),
    );
  for (const name of ["conflicts", "plans", "runs"])
    await view(
      name,
      `#/${name}`,
      () =>
        document.querySelector(".view .panel") &&
        !document.querySelector("[aria-busy='true'], .skeleton"),
    );
  if (page.trouble.length > 0) throw new Error(page.trouble.join("\n"));
} finally {
  await stopBrowser();
  await stopGald();
}
