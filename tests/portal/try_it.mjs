// The guide's flow: APIs, AzureML Demo API, RRS Execute, Try It; then what a wrong key and a spent limit show.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { assertNotKept, gateway, onPage, picture, portal } from "./browser.mjs";

const COUNTS = ["1", "1", "2", "2", "0", "2", "0", "1"];
const EXECUTE = "/azureml-demo/workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210/execute?api-version=2.0&details=true";

await onPage({ refused: [401, 429] }, async (page, context) => {
  await page.goto(portal);
  await page.getByRole("heading", { name: "AzureML Demo API" }).waitFor();
  const starter = page.getByRole("row", { name: /^Starter/ });
  assert.match(await starter.textContent(), /AzureML Demo API.*5 calls a minute, 100 calls a week/);
  await picture(page, "apis");

  await page.getByRole("link", { name: "AzureML Demo API" }).click();
  const operation = page.locator("#operations-default-rrs-execute");
  await operation.getByRole("button", { name: /execute/ }).first().click();
  // All that the guide fills in is there already.
  assert.equal(await operation.getByPlaceholder("workspace").inputValue(), "0123456789abcdef0123456789abcdef");
  assert.equal(await operation.getByPlaceholder("service").inputValue(), "fedcba9876543210fedcba9876543210");
  const body = operation.locator("textarea.body-param__text");
  assert.deepEqual(JSON.parse(await body.inputValue()).Inputs.input1.Values, [["This is a good day"]]);

  const answer = operation.locator(".live-responses-table");
  // One call with a key: the status, and all that is told of it.
  const send = async (key) => {
    await page.getByLabel("Subscription key").fill(key);
    const replied = page.waitForResponse((response) => response.request().method() === "POST");
    await operation.getByRole("button", { name: "Execute", exact: true }).click();
    const status = (await replied).status();
    await answer.locator(".response-col_status", { hasText: String(status) }).first().waitFor();
    const [first, ...told] = await operation.getByRole("status").locator(".told").allTextContents();
    assert.equal(first, `Status: ${status}`);
    return { status, text: await answer.textContent(), told };
  };

  const traced = await send("unlimited-demo-key");
  assert.equal(traced.status, 200);
  const shown = JSON.parse(await answer.locator(".response-col_description .highlight-code code").first().textContent());
  assert.deepEqual(shown.Results.output1.value.Values, [COUNTS]);
  assert.equal(await operation.locator(".request-url").textContent().then((text) => text.includes(gateway + EXECUTE)), true);
  assert.match(traced.text, /content-type: application\/json/);
  assert.equal(traced.told.length, 1);
  assert.match(traced.told[0], /^Backend URL: http:\/\/127\.0\.0\.1:\d+\/workspaces\/0123456789abcdef0123456789abcdef\//);

  // The call to copy, which runs as it is and has no key in it.
  const copy = async (language) => {
    await operation.locator(".request-snippets").getByText(language, { exact: true }).click();
    const text = await operation.locator(".request-snippets .curl").last().textContent();
    assert.ok(!text.includes("demo-key"), text);
    return text;
  };
  const env = { PATH: process.env.PATH, SUBSCRIPTION_KEY: "unlimited-demo-key" };
  const curl = execFileSync("bash", ["-c", `${await copy("curl")} --silent --noproxy '*'`], { env, encoding: "utf8" });
  assert.deepEqual(JSON.parse(curl).Results.output1.value.Values, [COUNTS]);
  const python = execFileSync("python3", ["-c", await copy("Python")], { env, encoding: "utf8" });
  assert.equal(python.slice(0, 4), "200 ");
  assert.deepEqual(JSON.parse(python.slice(4)).Results.output1.value.Values, [COUNTS]);
  assert.match(await copy("C#"), /new HttpRequestMessage\(new HttpMethod\("POST"\), "http.*Environment\.GetEnvironmentVariable\("SUBSCRIPTION_KEY"\)/s);

  await copy("curl");
  await picture(page, "answer", [operation.locator(".told").first(), answer]);

  const wrong = await send("wrong");
  assert.equal(wrong.status, 401);
  assert.match(wrong.text, /Access denied due to invalid subscription key\. Make sure to provide a valid key for an active subscription\./);

  // Five calls of a minute, and the sixth.
  for (let made = 0; made < 5; made++) {
    const call = await send("starter-demo-key");
    assert.equal(call.status, 200);
    assert.deepEqual(call.told, [], "no backend is told without allowTracing");
  }
  const sixth = await send("starter-demo-key");
  assert.equal(sixth.status, 429);
  assert.match(sixth.text, /Rate limit is exceeded\. Try again in \d+ seconds\./);
  assert.match(sixth.told.join(), /Try again in: (\d+ s|1 min)/);
  await assertNotKept(page, context, "starter-demo-key");

  await page.reload();
  assert.equal(await page.getByLabel("Subscription key").inputValue(), "", "a reload forgets the key");
});
