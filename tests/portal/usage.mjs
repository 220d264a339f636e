// My usage: bars that follow the calls, a key's own and nobody else's.

import assert from "node:assert/strict";
import { assertNotKept, gateway, onPage, picture, portal } from "./browser.mjs";

const EXECUTE = "/azureml-demo/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210/execute?api-version=2.0";

await onPage({ height: 470, refused: [401] }, async (page, context) => {
  await page.goto(portal);
  await page.getByRole("link", { name: "My usage" }).click();
  await page.getByRole("heading", { name: "My usage" }).waitFor();
  assert.equal(page.url(), `${portal}usage`);
  const key = page.getByLabel("Subscription key");
  const enter = async (text) => {
    await key.fill(text);
    await key.press("Enter");
  };
  await enter("starter-demo-key");
  await page.getByText("0 of 5 calls used").waitFor();
  for (let made = 0; made < 5; made++) {
    const headers = { "Ocp-Apim-Subscription-Key": "starter-demo-key", "Content-Type": "application/json" };
    const body = '{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["a"]]}}}';
    const answer = await fetch(gateway + EXECUTE, { method: "POST", headers, body });
    assert.equal(answer.status, 200);
    // By itself: nothing in the page is touched.
    await page.getByText(`${made + 1} of 5 calls used`).waitFor();
    if (made === 2) await picture(page, "usage");
  }
  const bar = page.getByRole("progressbar", { name: /product starter: rate limit, 5 calls a minute/ });
  assert.deepEqual(await bar.evaluate((bar) => [bar.value, bar.max]), [5, 5]);
  await page.getByText(/5 of 5 calls used, more in \d+ s/).waitFor();
  await page.getByText("5 of 100 calls used").waitFor();
  await assertNotKept(page, context, "starter-demo-key");

  await enter("unlimited-demo-key");
  await page.getByText("No limit applies to this subscription.").waitFor();
  assert.ok(!(await page.locator("main").textContent()).includes("starter"), "nothing of anybody else's");
  await enter("wrong");
  await page.getByRole("alert").getByText("401: Access denied due to invalid subscription key.").waitFor();
  assert.equal(await page.getByRole("progressbar").count(), 0);
});
