// Runs one scenario in Chromium: `node drive.mjs NAME`, with PORTAL, BACKEND and CHROMIUM in the
// environment. Ends with status 1 and the reason when the scenario fails, or what holds for all does not.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { scenarios } from "./scenarios.mjs";

const portal = process.env.PORTAL;
const origin = new URL(portal).origin;
const run = scenarios[process.argv[2]];
assert(run, `no scenario ${process.argv[2]}; there are ${Object.keys(scenarios).join(", ")}`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM.includes("/") ? process.env.CHROMIUM : `/usr/bin/${process.env.CHROMIUM}`,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    // Whatever else would be asked for is not to be found.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});

/** Every page that was opened, and what it said and asked for. */
const seen = { requests: [], errors: [], refused: [] };

/** A page of its own, watched. */
async function open(path = "", options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  page.on("request", (request) => seen.requests.push({ url: request.url(), key: request.headers() }));
  page.on("pageerror", (error) => seen.errors.push(`uncaught: ${error.stack}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    // Chromium itself notes every answer of 400 and above; a scenario says which it expects.
    const status = /^Failed to load resource: .* status of (\d+)/.exec(message.text())?.[1];
    if (status) seen.refused.push(Number(status));
    else seen.errors.push(message.text());
  });
  await page.goto(new URL(path, portal).href);
  return page;
}

try {
  const keys = ["starter-demo-key", "unlimited-demo-key"];
  const refused = await run({ open, portal, origin, backend: process.env.BACKEND, keys }) ?? [];

  assert(seen.requests.length > 0, "a page was opened");
  for (const { url } of seen.requests) {
    assert(url.startsWith(`${origin}/`) || url.startsWith("data:"), `${url} leaves the origin`);
    for (const key of keys) assert(!url.includes(key), `${url} carries a key`);
  }
  assert.deepEqual(seen.errors, [], "the console logged no error");
  assert.deepEqual(seen.refused, refused, "only what was expected was refused");
  for (const context of browser.contexts()) {
    assert.deepEqual(await context.storageState(), { cookies: [], origins: [] }, "nothing is stored");
    for (const page of context.pages()) {
      assert.equal(await page.evaluate(() => sessionStorage.length), 0, "nothing is stored");
    }
  }
} catch (error) {
  // What a page said is often why it did not do as it should.
  console.error(error.stack ?? error, "\nThe pages said:", seen.errors, "and were refused with:", seen.refused);
  process.exitCode = 1;
} finally {
  await browser.close();
}
