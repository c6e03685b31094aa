// What somebody does with the console, from signing in to a decision, and what must not happen
// meanwhile. The tests share one gald and follow each other.
import { after, before } from "node:test";

import { makeToken, startBrowser, startGald, stopBrowser, stopGald, tenant } from "./browser.mjs";
import { session } from "./session.mjs";

before(async () => {
  await startBrowser();
  // Slow, so that there is something to see of a first import.
  await tenant("POST", "/settings", { latency: 8 });
  await startGald();
  session.token = await makeToken("console", "--scope", "operate");
});

after(async () => {
  await stopBrowser();
  await stopGald();
});

await import("./entering.mjs");
await import("./looking.mjs");
await import("./contact.mjs");
await import("./deciding.mjs");
await import("./following.mjs");
await import("./certificate.mjs");
await import("./leaving.mjs");
await import("./readable.mjs");
