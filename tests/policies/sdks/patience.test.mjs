// npm openai with its own retries, against a limit of one call in six seconds: both calls are answered.

import assert from "node:assert/strict";
import test from "node:test";

import OpenAI from "openai";

import { GATEWAY, STARTER, TEXT, messages } from "./gateway.mjs";

test("it waits", async () => {
  const client = new OpenAI({ baseURL: `${GATEWAY}/openai/v1`, apiKey: STARTER });
  for (let call = 0; call < 2; call += 1) {
    const answer = await client.chat.completions.create({ model: "gpt-4o-mini", messages });
    assert.equal(answer.choices[0].message.content, TEXT);
  }
});
