// The documentation's pictures, from real calls. Where they go: PICTURES, else nowhere.

import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SCREENS } from "./readable.mjs";
import { choose, send } from "./scenarios.mjs";

const WINDOW = { viewport: { width: 860, height: 780 } };

export async function pictures({ open }) {
  const wanted = process.env.PICTURES;
  const folder = wanted ?? mkdtempSync(join(tmpdir(), "portal-pictures-"));
  mkdirSync(folder, { recursive: true });
  const take = async (page, name, options = {}) => {
    const path = join(folder, `${name}.png`);
    await page.screenshot({ path, ...options });
    assert(statSync(path).size > 5000, `${name}: an empty picture`);
  };
  const tryIt = async (options) => {
    const page = await open("", options);
    await choose(page);
    await page.getByLabel("Subscription key").fill("starter-demo-key");
    await send(page);
    return page;
  };
  try {
    const list = await open("", WINDOW);
    await list.getByRole("link", { name: "RRS Execute" }).waitFor();
    await take(list, "apis");

    const answer = await tryIt(WINDOW);
    await answer.locator(".answer").scrollIntoViewIfNeeded();
    await take(answer.locator(".answer"), "answer");

    const usage = await open("usage", WINDOW);
    await usage.getByLabel("Subscription key").fill("starter-demo-key");
    await usage.getByRole("button", { name: "Show usage" }).click();
    await usage.getByText("4 of 5 left").waitFor();
    await take(usage, "usage");

    const phone = await tryIt({ ...SCREENS.phone, colorScheme: "dark" });
    await phone.locator(".answer").evaluate((element) => element.scrollIntoView());
    await take(phone, "phone");
  } finally {
    if (!wanted) rmSync(folder, { recursive: true });
  }
}
