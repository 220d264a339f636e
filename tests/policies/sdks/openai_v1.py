"""PyPI openai, as its plain client, with the policy azure-openai-v1.json."""

import openai

from gateway import GATEWAY, MESSAGES, STARTER, TEXT, UNLIMITED, OpenAITests


class OpenAIv1(OpenAITests):
    BASE = f"{GATEWAY}/openai/v1"
    CHAT, TEXTS, EMBEDDING = "gpt-4o-mini", "gpt-35-turbo-instruct", "text-embedding-3-small"

    def client(self, key=UNLIMITED):
        return openai.OpenAI(base_url=self.BASE, api_key=key, max_retries=0)

    def test_a_chat(self):
        answer = self.client().chat.completions.create(model=self.CHAT, messages=MESSAGES)
        self.assertEqual(answer.choices[0].message.content, TEXT)

    def test_a_streamed_chat(self):
        options = {"include_usage": True}
        self.assert_streamed(
            self.client().chat.completions.create(
                model=self.CHAT, messages=MESSAGES, stream=True, stream_options=options
            )
        )

    def test_a_completion(self):
        answer = self.client().completions.create(model=self.TEXTS, prompt=TEXT)
        self.assertEqual(answer.choices[0].text, TEXT)

    def test_embeddings(self):
        answer = self.client().embeddings.create(model=self.EMBEDDING, input=TEXT)
        self.assertAlmostEqual(sum(x * x for x in answer.data[0].embedding), 1, places=5)

    def test_a_wrong_key(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.client("wrong").chat.completions.create(model=self.CHAT, messages=MESSAGES)
        self.assertEqual(caught.exception.code, "subscription_key_invalid")

    def test_what_is_not_published(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client().files.list()
        self.assertEqual(caught.exception.code, "operation_not_found")

    def test_the_rate_limit(self):
        starter = self.client(STARTER)
        with self.assertRaises(openai.RateLimitError) as caught:
            for _ in range(6):
                starter.chat.completions.create(model=self.CHAT, messages=MESSAGES)
        self.assert_rate_limited(caught.exception)
