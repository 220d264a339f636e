"""PyPI openai, as its AzureOpenAI client, with the policy azure-openai.json."""

import asyncio

import openai

from gateway import GATEWAY, MESSAGES, STARTER, TEXT, UNLIMITED, OpenAITests

CHAT, EMBEDDING, TEXTS = "gpt-4o-mini", "text-embedding-3-small", "gpt-35-turbo-instruct"


def client(key=UNLIMITED, version="2024-10-21", kind=openai.AzureOpenAI):
    return kind(azure_endpoint=GATEWAY, api_key=key, api_version=version, max_retries=0)


class AzureOpenAI(OpenAITests):
    def test_a_chat(self):
        answer = client().chat.completions.create(model=CHAT, messages=MESSAGES)
        self.assertEqual(answer.choices[0].message.content, TEXT)

    def test_a_streamed_chat(self):
        options = {"include_usage": True}
        self.assert_streamed(
            client().chat.completions.create(
                model=CHAT, messages=MESSAGES, stream=True, stream_options=options
            )
        )

    def test_a_chat_by_the_asynchronous_client(self):
        async def ask():
            async with client(kind=openai.AsyncAzureOpenAI) as azure:
                return await azure.chat.completions.create(model=CHAT, messages=MESSAGES)

        self.assertEqual(asyncio.run(ask()).choices[0].message.content, TEXT)

    def test_a_completion(self):
        answer = client().completions.create(model=TEXTS, prompt=TEXT)
        self.assertEqual(answer.choices[0].text, TEXT)

    def test_embeddings(self):
        answer = client().embeddings.create(model=EMBEDDING, input=[TEXT, "another"])
        for item in answer.data:
            self.assertAlmostEqual(sum(x * x for x in item.embedding), 1, places=5)

    def test_a_wrong_key(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            client("wrong").chat.completions.create(model=CHAT, messages=MESSAGES)
        self.assertEqual(caught.exception.code, "subscription_key_invalid")

    def test_what_is_not_published(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            client().models.list()
        self.assertEqual(caught.exception.code, "operation_not_found")

    def test_an_api_version_that_is_not_served(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            client(version="2023-05-15").chat.completions.create(model=CHAT, messages=MESSAGES)
        self.assertEqual(caught.exception.param, "api-version")
        self.assertIn("2024-10-21", str(caught.exception))

    def test_the_rate_limit(self):
        azure = client(STARTER)
        with self.assertRaises(openai.RateLimitError) as caught:
            for _ in range(6):
                azure.chat.completions.create(model=CHAT, messages=MESSAGES)
        self.assert_rate_limited(caught.exception)
