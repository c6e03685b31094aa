// What the tests of the console share: who has signed in, and ways to look at the page and at what
// it should show.
import assert from "node:assert/strict";

import { gald } from "./browser.mjs";

/// `token` may operate; set before the first test.
export const session = { token: null };

export const text = (page, selector) => page.locator(selector).first().innerText();

const numberIn = (words) => Number(words.replace(/\D/g, ""));

/// What the list says how many there are.
export const count = async (page) => numberIn(await text(page, ".count"));

/// The overview's first tile.
export const total = async (page) => numberIn(await text(page, ".tile dd"));

/// Nothing is being asked for any more.
export const settled = (page) =>
  page.waitForFunction(() => !document.querySelector("[aria-busy='true'], .skeleton"));

/// Ends with the page, in which nothing may have gone wrong.
export async function close(page) {
  assert.deepEqual(page.trouble, []);
  await page.context().close();
}

const lines = (told) => told.trim().split("\n").filter(Boolean).map(JSON.parse);

export const listed = (...filters) => lines(gald("list", "--json", ...filters));
export const conflicts = () => lines(gald("conflicts", "--json"));
export const history = (id) => lines(gald("history", id, "--json"));
