"""PyPI azure-ai-inference, with the policy azure-openai.json. It sends its key in two headers at once."""

import unittest

from azure.ai.inference import ChatCompletionsClient, EmbeddingsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)

from gateway import GATEWAY, MESSAGES, STARTER, TEXT, UNLIMITED


def client(kind, deployment, key=UNLIMITED):
    return kind(
        endpoint=f"{GATEWAY}/openai/deployments/{deployment}",
        credential=AzureKeyCredential(key),
        api_version="2024-10-21",
        retry_total=0,
    )


def chat(key=UNLIMITED):
    return client(ChatCompletionsClient, "gpt-4o-mini", key)


class AzureInference(unittest.TestCase):
    def test_a_chat(self):
        self.assertEqual(chat().complete(messages=MESSAGES).choices[0].message.content, TEXT)

    def test_a_streamed_chat(self):
        events = list(chat().complete(messages=MESSAGES, stream=True))
        words = [event.choices[0].delta.content for event in events if event.choices]
        self.assertEqual("".join(word or "" for word in words), TEXT)
        self.assertGreaterEqual(len(events), len(TEXT.split()))

    def test_embeddings(self):
        embed = client(EmbeddingsClient, "text-embedding-3-small").embed
        for item in embed(input=[TEXT, "another"]).data:
            self.assertAlmostEqual(sum(x * x for x in item.embedding), 1, places=5)

    def test_a_wrong_key(self):
        with self.assertRaises(ClientAuthenticationError) as caught:
            chat("wrong").complete(messages=MESSAGES)
        self.assertEqual(caught.exception.error.code, "subscription_key_invalid")

    def test_what_is_not_published(self):
        with self.assertRaises(ResourceNotFoundError):
            chat().get_model_info()

    def test_the_rate_limit(self):
        starter = chat(STARTER)
        with self.assertRaises(HttpResponseError) as caught:
            for _ in range(6):
                starter.complete(messages=MESSAGES)
        self.assertEqual(caught.exception.status_code, 429)
        self.assertIn(int(caught.exception.response.headers["retry-after"]), range(1, 61))
