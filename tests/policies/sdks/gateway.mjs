// Where the gateway is, the demo subscriptions' keys, and what holds of every client.

import assert from "node:assert/strict";
import test from "node:test";

import OpenAI from "openai";

export const GATEWAY = process.env.GATEWAY;
export const TEXT = "This is a good day";
export const messages = [{ role: "user", content: TEXT }];

const UNLIMITED = "unlimited-demo-key";
// Five calls a minute.
export const STARTER = "starter-demo-key";

// `client` makes one of a key.
export function tests(client) {
  const model = "gpt-4o-mini";

  test("a chat", async () => {
    const answer = await client(UNLIMITED).chat.completions.create({ model, messages });
    assert.equal(answer.choices[0].message.content, TEXT);
  });

  test("a streamed chat", async () => {
    const stream = await client(UNLIMITED).chat.completions.create({ model, messages, stream: true });
    const words = [];
    for await (const event of stream) words.push(event.choices[0].delta.content ?? "");
    assert.equal(words.join(""), TEXT);
    assert.ok(words.length >= TEXT.split(" ").length);
  });

  test("a wrong key", async () => {
    const call = client("wrong").chat.completions.create({ model, messages });
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.code, "subscription_key_invalid");
      return true;
    });
  });

  test("what is not published", async () => {
    await assert.rejects(client(UNLIMITED).files.list(), OpenAI.NotFoundError);
  });

  test("the rate limit", async () => {
    const starter = client(STARTER);
    const six = async () => {
      for (let call = 0; call < 6; call += 1) await starter.chat.completions.create({ model, messages });
    };
    await assert.rejects(six(), (error) => {
      assert.ok(error instanceof OpenAI.RateLimitError);
      const seconds = Number(error.headers.get("retry-after"));
      assert.ok(seconds >= 1 && seconds <= 60, `retry-after: ${seconds}`);
      return true;
    });
  });
}
