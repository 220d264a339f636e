// npm openai, as its AzureOpenAI client, with the policy azure-openai.json.

import { AzureOpenAI } from "openai";

import { GATEWAY, tests } from "./gateway.mjs";

tests((apiKey) => new AzureOpenAI({ endpoint: GATEWAY, apiKey, apiVersion: "2024-10-21", maxRetries: 0 }));
