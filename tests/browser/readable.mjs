// Every view, in light and dark, in a window and on a phone: how it looks, and what the rules of
// accessibility say of it.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import { open, shot, url } from "./browser.mjs";
import { session, settled, close, listed } from "./session.mjs";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const VIEWS = () => {
  const [someone] = listed().filter((one) => one.displayName === "Jürgen Müller");
  const contact = `#/contacts/${someone.id}`;
  return [
    "#/overview",
    "#/contacts",
    "#/conflicts",
    "#/plans",
    "#/plans/1",
    "#/runs",
    contact,
    `${contact}?tab=groups`,
    `${contact}?tab=history`,
    `${contact}?tab=sources`,
  ];
};

for (const dark of [false, true])
  for (const phone of [false, true])
    test(`every view is readable ${phone ? "on a phone" : "in a window"}, ${dark ? "dark" : "light"}`, async () => {
      const page = await open("#/overview", { token: session.token, dark, phone });
      await page.waitForSelector(".tiles");
      for (const view of VIEWS()) {
        await page.goto(`${url}/${view}`);
        await page.waitForSelector("h1");
        await settled(page);
        await page.waitForTimeout(150);
        const name = view
          .replace(/contacts\/[0-9a-f-]{36}(\?tab=)?/, "contact-")
          .replace(/[^a-z0-9]+/gi, "-")
          .replace(/^-|-$/g, "");
        await shot(page, `${name}-${phone ? "phone" : "window"}-${dark ? "dark" : "light"}`);
        assert.ok(
          await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
          `${view} is too wide`,
        );
        await page.evaluate(axe);
        const found = await page.evaluate(() =>
          axe.run(document, {
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
          }),
        );
        assert.deepEqual(
          found.violations.map(
            (one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`,
          ),
          [],
          view,
        );
        assert.ok(
          found.passes.some((one) => one.id === "color-contrast"),
          view,
        );
      }
      await close(page);
    });
