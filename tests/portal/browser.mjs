// A page of the system's Chromium, which notes what it must not do: leave the origin, or log an error.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { CHROMIUM, GATEWAY, PICTURES, PORTAL } = process.env;
export const gateway = GATEWAY;
export const portal = `${GATEWAY}/${PORTAL}/`;

// For what was not awaited by name.
const PATIENCE = 20_000;
const ALONE = ["disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"];

// Runs `play` on a new page, and holds what the browser logged against `refused`: the statuses of the calls that were
// made to be refused, which Chromium logs as errors.
export async function onPage({ width = 1280, height = 900, dark = false, refused = [] }, play) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: false, args: ALONE.map((flag) => `--${flag}`) });
  try {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const elsewhere = [];
    const errors = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(`${GATEWAY}/`) && !request.url().startsWith("data:")) elsewhere.push(request.url());
    });
    page.on("pageerror", (error) => errors.push(error.stack));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) errors.push(message.text());
    });
    await play(page, context);
    assert.deepEqual(elsewhere, [], "a request left the origin");
    const statuses = errors.map((error) => Number(/^Failed to load resource: .* status of (\d+)/.exec(error)?.[1]) || error);
    assert.deepEqual(statuses, refused, "the console's errors");
  } finally {
    await browser.close();
  }
}

// A picture of the window, or of the page from the first of two elements to the last.
export async function picture(page, name, between) {
  const path = join(PICTURES, `${name}.png`);
  if (!between) return page.screenshot({ path });
  const [first, last] = await Promise.all(between.map((element) => element.boundingBox()));
  const scrolled = await page.evaluate(() => scrollY);
  const margin = 20;
  const clip = { x: first.x - margin, y: first.y + scrolled - margin, width: first.width + 2 * margin, height: last.y + last.height - first.y + 2 * margin };
  await page.screenshot({ path, clip, fullPage: true });
}

// Nothing is wider than the window, so that nobody has to scroll sideways.
export async function assertFits(page) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= window, `the page is ${wide} wide in a window of ${window}`);
}

// The key is in the page's memory and nowhere else.
export async function assertNotKept(page, context, key) {
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, name, history.state]));
  const cookies = await context.cookies();
  assert.ok(!kept.includes(key), kept);
  assert.deepEqual(cookies, []);
  assert.equal(await page.evaluate(async () => (await indexedDB.databases()).length), 0);
}
