"""PyPI openai, as its plain client, with the policy model-server.json: the same must hold as of Azure's v1 API. And
azure-ai-inference, which sends its key twice: the second one must not reach the server either."""

from azure.ai.inference import ChatCompletionsClient
from azure.core.credentials import AzureKeyCredential

import openai_v1
from gateway import GATEWAY, MESSAGES, TEXT, UNLIMITED


class ModelServer(openai_v1.OpenAIv1):
    BASE = f"{GATEWAY}/local/v1"
    CHAT = TEXTS = "llama-3.1-8b"
    EMBEDDING = "nomic-embed-text"

    def test_a_chat_by_azure_ai_inference(self):
        client = ChatCompletionsClient(
            endpoint=self.BASE, credential=AzureKeyCredential(UNLIMITED), model=self.CHAT
        )
        self.assertEqual(client.complete(messages=MESSAGES).choices[0].message.content, TEXT)
