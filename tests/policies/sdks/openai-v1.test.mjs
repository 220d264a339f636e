// npm openai, as its plain client, with the policy azure-openai-v1.json.

import OpenAI from "openai";

import { GATEWAY, tests } from "./gateway.mjs";

tests((apiKey) => new OpenAI({ baseURL: `${GATEWAY}/openai/v1`, apiKey, maxRetries: 0 }));
