// Whether everybody can read it: accessibility by axe, no sideways scrolling, on phones and in the dark.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { choose, send } from "./scenarios.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const SCREENS = {
  desktop: { viewport: { width: 1200, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

export async function readable({ open }) {
  for (const [screen, options] of Object.entries(SCREENS)) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open("", { ...options, colorScheme });
      const where = (what) => `${what}, ${screen}, ${colorScheme}`;
      await page.getByRole("link", { name: "RRS Execute" }).waitFor();
      await judge(page, where("list"));
      await choose(page);
      await page.getByLabel("Subscription key").fill("unlimited-demo-key");
      await send(page);
      await judge(page, where("answer"));
      await page.getByRole("link", { name: "My usage" }).click();
      await page.getByLabel("Subscription key").fill("starter-demo-key");
      await page.getByRole("button", { name: "Show usage" }).click();
      await page.getByText("5 of 5 left").waitFor();
      await judge(page, where("usage"));
    }
  }
}

async function judge(page, where) {
  const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wide <= width, `${where}: ${wide} pixels wide on a screen of ${width}`);
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  const found = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, any, all, none }) => `${id} at ${target}: ${[...any, ...all, ...none].map(({ message }) => message)[0]}`));
  assert.deepEqual(found, [], where);
}
