"""Where the gateway is, and the demo subscriptions' keys."""

import os
import unittest

GATEWAY = os.environ["GATEWAY"]
UNLIMITED = "unlimited-demo-key"
# Five calls a minute.
STARTER = "starter-demo-key"
TEXT = "This is a good day"
MESSAGES = [{"role": "user", "content": TEXT}]


class OpenAITests(unittest.TestCase):
    """A subclass says how its client is made."""

    def assert_streamed(self, stream):
        """The answer comes in several events, the last of which tells the usage."""
        events = list(stream)
        words = [event.choices[0].delta.content for event in events if event.choices]
        self.assertEqual("".join(word or "" for word in words), TEXT)
        self.assertGreaterEqual(len(events), len(TEXT.split()))
        self.assertEqual(events[-1].usage.total_tokens, 2 * len(TEXT.split()))

    def assert_rate_limited(self, error):
        """What a client needs to know when to come back."""
        self.assertEqual(error.status_code, 429)
        self.assertIn(int(error.response.headers["retry-after"]), range(1, 61))
        self.assertIn("Rate limit is exceeded", str(error))
