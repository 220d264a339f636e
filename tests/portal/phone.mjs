// A phone in the dark, and hands that have a keyboard alone.

import assert from "node:assert/strict";
import { assertFits, onPage, picture, portal } from "./browser.mjs";

// Presses Tab until what the role and name say has the focus.
async function tabTo(page, target) {
  for (let pressed = 0; pressed < 80; pressed++) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  assert.fail(`Tab never gets to ${target}`);
}

await onPage({ width: 390, height: 844, dark: true }, async (page) => {
  await page.goto(portal);
  await page.getByRole("heading", { name: "AzureML Demo API" }).waitFor();
  await assertFits(page);

  await tabTo(page, page.getByLabel("Subscription key"));
  await page.keyboard.type("unlimited-demo-key");
  await tabTo(page, page.getByRole("link", { name: "RRS Execute" }));
  await page.keyboard.press("Enter");
  const operation = page.locator("#operations-default-rrs-execute");
  const execute = operation.getByRole("button", { name: "Execute", exact: true });
  await execute.waitFor();
  await assertFits(page);
  await tabTo(page, execute);
  await page.keyboard.press("Enter");
  const answer = operation.locator(".live-responses-table");
  await answer.locator(".response-col_status", { hasText: "200" }).first().waitFor();
  await assertFits(page);
  await answer.locator(".response-col_status", { hasText: "200" }).first().evaluate((status) => status.scrollIntoView());
  await picture(page, "phone");

  await page.goto(`${portal}usage`);
  await tabTo(page, page.getByLabel("Subscription key"));
  await page.keyboard.type("starter-demo-key");
  await page.keyboard.press("Enter");
  await page.getByText("of 5 calls used").waitFor();
  await assertFits(page);
});
