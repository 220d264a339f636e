"""Clients with their own retries, against a limit of one call in six seconds: both calls are answered."""

import unittest

import openai
from azure.ai.inference import ChatCompletionsClient
from azure.core.credentials import AzureKeyCredential

from gateway import GATEWAY, MESSAGES, STARTER, TEXT


class AzureOpenAI(unittest.TestCase):
    def test_it_waits(self):
        azure = openai.AzureOpenAI(
            azure_endpoint=GATEWAY, api_key=STARTER, api_version="2024-10-21"
        )
        for _ in range(2):
            answer = azure.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
            self.assertEqual(answer.choices[0].message.content, TEXT)


class OpenAIv1(unittest.TestCase):
    def test_it_waits(self):
        client = openai.OpenAI(base_url=f"{GATEWAY}/openai/v1", api_key=STARTER)
        for _ in range(2):
            answer = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
            self.assertEqual(answer.choices[0].message.content, TEXT)


class AzureInference(unittest.TestCase):
    def test_it_waits(self):
        client = ChatCompletionsClient(
            endpoint=f"{GATEWAY}/openai/deployments/gpt-4o-mini",
            credential=AzureKeyCredential(STARTER),
            api_version="2024-10-21",
        )
        for _ in range(2):
            self.assertEqual(client.complete(messages=MESSAGES).choices[0].message.content, TEXT)
