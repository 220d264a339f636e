// What people do at the portal. Each returns the statuses of 400 and above that the browser was to see.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { pictures } from "./pictures.mjs";
import { readable } from "./readable.mjs";

const SERVICE = "workspaces/0123456789abcdef0123456789abcdef/services/fedcba9876543210fedcba9876543210";
export const COUNTS = '["1", "1", "2", "2", "0", "2", "0", "1"]';
const RATE = "product/starter/rate";
const QUOTA = "product/starter/quota";

/** From the list to an operation's form, as a reader goes. */
export async function choose(page, operation = "RRS Execute") {
  await page.getByRole("link", { name: operation, exact: true }).click();
  await page.locator(".opblock.is-open").waitFor();
}

/** Sends what is in the form, and waits for the answer of this call and no other. */
export async function send(page) {
  const answered = page.waitForResponse((response) => response.request().resourceType() === "fetch");
  await page.getByRole("button", { name: "Execute", exact: true }).click();
  const answer = await answered;
  await page.locator('[data-part="status"]', { hasText: String(answer.status()) }).waitFor();
}

export const part = (page, name) => page.locator(`[data-part="${name}"]`).innerText();

const type = (page, key) => page.getByLabel("Subscription key").fill(key);

/** Waits until a limit's text says so. */
const left = (page, limit, text) =>
  page.locator(`li[data-name="${limit}"] .left`, { hasText: new RegExp(`^${text}$`) }).waitFor();

export const scenarios = { guide, refusals, usage, tracing, code, keyboard, readable, moved, pictures };

async function guide({ open, origin }) {
  const page = await open();
  await page.getByRole("heading", { name: "AzureML Demo API" }).waitFor();
  await page.getByText("Starter (5 calls a minute, 100 calls each week)").waitFor();
  await page.getByRole("heading", { name: "Unlimited" }).waitFor();
  await choose(page);
  // The guide's example stands in the form.
  assert.match(await page.locator("textarea").inputValue(), /"This is a good day"/);
  await type(page, "starter-demo-key");
  await send(page);
  assert.equal(await part(page, "status"), "200 OK");
  assert.equal(await part(page, "url"), `${origin}/azureml-demo/${SERVICE}/execute?api-version=2.0&details=true`);
  assert.match(await part(page, "headers"), /^content-type: application\/json/m);
  const content = await part(page, "content");
  assert(content.includes(COUNTS), content);
  assert(content.includes('"ColumnNames"'), "details were asked for");
  // A document says what each operation can answer.
  await page.getByText("429", { exact: true }).first().waitFor();
  // Back, and the browser's own way forward.
  await page.getByRole("link", { name: "All APIs" }).click();
  await page.getByRole("heading", { name: "APIs", exact: true }).waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Execute", exact: true }).waitFor();
}

async function refusals({ open }) {
  const page = await open("#/azureml-demo/rrs-execute");
  await page.locator(".opblock.is-open").waitFor();
  await send(page);
  assert.match(await part(page, "content"), /"Access denied due to missing subscription key\./);
  await type(page, "no-such-key");
  await send(page);
  assert.match(await part(page, "status"), /^401 /);
  assert.match(await part(page, "content"), /"Access denied due to invalid subscription key\./);
  assert.match(await part(page, "headers"), /^x-gateway-refusal: subscription_key_invalid$/m);

  await type(page, "starter-demo-key");
  for (let call = 1; call <= 5; call += 1) {
    await send(page);
    assert.match(await part(page, "status"), /^200 /, `call ${call}`);
  }
  await send(page);
  assert.match(await part(page, "status"), /^429 /);
  assert.match(await part(page, "content"), /"Rate limit is exceeded\. Try again in \d+ seconds\."/);
  const seconds = Number(/^You can try again in (\d+) seconds\.$/.exec(await part(page, "retry"))[1]);
  assert(seconds > 0 && seconds <= 60, `${seconds}`);
  return [401, 401, 429];
}

async function usage({ open }) {
  const page = await open("usage");
  const show = page.getByRole("button", { name: "Show usage" });
  await type(page, "no-such-key");
  await show.click();
  await page.getByRole("alert").filter({ hasText: "Access denied due to invalid subscription key" }).waitFor();
  assert(await page.locator("#usage").isHidden());

  await type(page, "starter-demo-key");
  await show.click();
  await left(page, RATE, "5 of 5 left");
  await left(page, QUOTA, "100 of 100 left");
  assert(await page.getByRole("alert").isHidden());
  // Calls of anybody's with this key, while the page stays as it is.
  for (let calls = 1; calls <= 5; calls += 1) {
    const status = await page.evaluate(async (url) => {
      const headers = { "Ocp-Apim-Subscription-Key": "starter-demo-key", "Content-Type": "application/json" };
      const body = '{"Inputs":{"input1":{"ColumnNames":["Col2"],"Values":[["a"]]}},"GlobalParameters":{}}';
      return (await fetch(url, { method: "POST", headers, body })).status;
    }, `/azureml-demo/${SERVICE}/execute?api-version=2.0`);
    assert.equal(status, 200);
    await left(page, RATE, `${5 - calls} of 5 left`);
  }
  await left(page, QUOTA, "95 of 100 left");
  assert.equal(await page.locator(`li[data-name="${RATE}"] meter`).evaluate(({ value, max }) => `${value}/${max}`), "0/5");
  assert.match(await page.locator(`li[data-name="${RATE}"] .renews`).innerText(), /^5 calls a minute; more in \d+ seconds?$/);

  await type(page, "unlimited-demo-key");
  await show.click();
  await page.getByText("No limits: every call is served.").waitFor();
  assert(!(await page.locator("main").innerText()).includes("starter"), "nothing about anybody else");
  return [401];
}

async function tracing({ open, backend }) {
  const page = await open("#/azureml-demo/rrs-execute");
  await page.locator(".opblock.is-open").waitFor();
  await type(page, "starter-demo-key");
  await send(page);
  assert.equal(await page.locator('[data-part="backend-url"]').count(), 0);
  await type(page, "unlimited-demo-key");
  await send(page);
  assert.equal(await part(page, "backend-url"), `http://${backend}/${SERVICE}/execute?api-version=2.0&details=true`);
}

async function code({ open, origin }) {
  const page = await open("#/azureml-demo/rrs-execute");
  await page.locator(".opblock.is-open").waitFor();
  await type(page, "unlimited-demo-key");
  // What ends a string, a command or a line in one of the languages, and what is beyond ASCII.
  const text = `'; echo "$HOME" \`id\` \\ % {0} é \u{1f600} \u2028 #`;
  const sent = { Inputs: { input1: { ColumnNames: ["Col2"], Values: [[text]] } }, GlobalParameters: {} };
  await page.locator("textarea").fill(JSON.stringify(sent));
  await send(page);
  const values = JSON.parse(await part(page, "content")).Results.output1.value.Values;
  const language = async (name) => {
    await page.getByRole("button", { name, exact: true }).click();
    const written = await page.locator('[data-part="code"]').textContent();
    assert(!written.includes("unlimited-demo-key"), `${name} shows the key`);
    return written;
  };
  const env = { PATH: process.env.PATH, SUBSCRIPTION_KEY: "unlimited-demo-key", NO_PROXY: "127.0.0.1" };
  const outcome = async (program, ...args) => (await promisify(execFile)(program, args, { env })).stdout;
  for (const output of [
    await outcome("sh", "-c", await language("curl")),
    await outcome("python3", "-c", await language("Python")),
  ]) {
    const body = output.trim().split("\n").at(-1);
    assert.deepEqual(JSON.parse(body).Results.output1.value.Values, values, output);
  }
  const csharp = await language("C#");
  // C# reads the same escapes as JSON, so a literal must hold exactly what was sent.
  const literals = [...csharp.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([found]) => found);
  const texts = literals.filter((found) => !found.includes("{(int)")).map((found) => JSON.parse(found));
  assert(texts.includes(JSON.stringify(sent)), csharp);
  assert(texts.includes(`${origin}/azureml-demo/${SERVICE}/execute?api-version=2.0&details=true`), csharp);
  assert.match(csharp, /Environment\.GetEnvironmentVariable\("SUBSCRIPTION_KEY"\)/);
  assert(/^[\x20-\x7e\n]*$/.test(csharp), "plain ASCII");
}

async function keyboard({ open }) {
  const page = await open();
  await page.getByRole("link", { name: "RRS Execute" }).waitFor();
  /** Tabs to what has the focus then; a reader must get there without a mouse. */
  const tabTo = async (locator, back = false) => {
    for (let tries = 0; tries < 60; tries += 1) {
      if (await locator.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press(back ? "Shift+Tab" : "Tab");
    }
    assert.fail(`${locator} cannot be reached by Tab`);
  };
  await tabTo(page.getByRole("link", { name: "RRS Execute", exact: true }));
  await page.keyboard.press("Enter");
  await page.locator(".opblock.is-open").waitFor();
  await tabTo(page.getByLabel("Subscription key"), true);
  await page.keyboard.type("starter-demo-key");
  await tabTo(page.getByRole("button", { name: "Execute", exact: true }));
  await page.keyboard.press("Enter");
  await page.locator('[data-part="status"]', { hasText: "200" }).waitFor();
  await tabTo(page.getByRole("button", { name: "Python", exact: true }));
  await page.keyboard.press("Space");
  assert.match(await part(page, "code"), /^import os\n/);
  await tabTo(page.getByRole("button", { name: "Copy", exact: true }));
  await page.keyboard.press("Enter");
  await page.getByText(/^(Copied\.|Selected: copy it with the keyboard\.)$/).waitFor();
}

async function moved({ open, origin }) {
  // Without its final slash, too.
  const page = await open("../portal");
  await page.getByRole("heading", { name: '<img src="x"' }).waitFor();
  await page.locator(".operations a").first().click();
  await page.locator(".opblock.is-open").waitFor();
  await type(page, "starter-demo-key");
  await send(page);
  assert.equal(await part(page, "status"), "200 OK");
  assert.equal(await part(page, "url"), `${origin}/ml/hashing/${SERVICE}/execute?api-version=2.0&details=true`);
  assert.match(await part(page, "code"), /-H 'Authorization: Bearer '"\$SUBSCRIPTION_KEY"/);
  assert.doesNotMatch(await page.title(), /^run$/);
  await page.getByRole("link", { name: "My usage" }).click();
  await type(page, "starter-demo-key");
  await page.getByRole("button", { name: "Show usage" }).click();
  await left(page, RATE, "4 of 5 left");
  assert.doesNotMatch(await page.title(), /^run$/);
}
