// Markup in every text of a policy, and a key that is sent as a bearer token.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { onPage, portal } from "./browser.mjs";

await onPage({}, async (page) => {
  const assertNothingRan = async () => {
    assert.ok(!(await page.title()).startsWith("run"), await page.title());
    const alive = page.locator("main").locator("img, script, iframe, object, [onerror], a[href^='javascript']");
    assert.deepEqual(await alive.evaluateAll((found) => found.map((element) => element.outerHTML)), []);
  };
  await page.goto(portal);
  await page.getByRole("heading", { name: "<img src=x" }).waitFor();
  await assertNothingRan();

  await page.goto(`${portal}#azureml-demo/rrs-execute`);
  const operation = page.locator("#operations-default-rrs-execute");
  await operation.locator(".opblock-description", { hasText: "<script>" }).waitFor();
  await page.getByLabel("Subscription key").fill("starter-demo-key");
  const sent = page.waitForRequest((request) => request.method() === "POST");
  await operation.getByRole("button", { name: "Execute", exact: true }).click();
  assert.equal((await sent).headers().authorization, "Bearer starter-demo-key");
  await operation.locator(".live-responses-table .response-col_status", { hasText: "200" }).first().waitFor();
  await assertNothingRan();
  const snippet = async (language) => {
    await operation.locator(".request-snippets").getByText(language, { exact: true }).click();
    return operation.locator(".request-snippets .curl").last().textContent();
  };
  const env = { PATH: process.env.PATH, SUBSCRIPTION_KEY: "starter-demo-key" };
  assert.match(execFileSync("bash", ["-c", `${await snippet("curl")} --silent --noproxy '*'`], { env, encoding: "utf8" }), /"Results"/);
  assert.match(execFileSync("python3", ["-c", await snippet("Python")], { env, encoding: "utf8" }), /^200 /);

  await page.goto(`${portal}usage`);
  await page.getByLabel("Subscription key").fill("starter-demo-key");
  await page.getByLabel("Subscription key").press("Enter");
  await page.getByText("3 of 5 calls used").waitFor();
  await assertNothingRan();
});
