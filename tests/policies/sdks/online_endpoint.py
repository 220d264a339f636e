"""The client that Azure's portal gives for an online endpoint, and what azure-ai-ml's `invoke` sends: a JSON body, a
bearer key, and at will the name of a deployment. With the policy azureml-online-endpoint.json."""

import unittest

import requests

from gateway import GATEWAY, STARTER, TEXT, UNLIMITED


def score(endpoint, key=UNLIMITED, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(
        f"{GATEWAY}/online/{endpoint}/score",
        json={"data": [TEXT]},
        headers={"Authorization": f"Bearer {key}", **named},
        timeout=10,
    )


class OnlineEndpoint(unittest.TestCase):
    def test_each_endpoint_has_its_own_model(self):
        self.assertEqual(score("feature-hashing").json(), [[1, 1, 2, 2, 0, 2, 0, 1]])
        self.assertEqual(score("word-count").json(), [5])

    def test_a_deployment_by_its_name(self):
        for deployment in ["blue", "green"]:
            answer = score("word-count", azureml_model_deployment=deployment)
            self.assertEqual(answer.headers["azureml-model-deployment"], deployment)
        self.assertEqual(score("word-count", azureml_model_deployment="grey").status_code, 404)

    def test_what_the_gateway_refuses(self):
        self.assertEqual(score("word-count", "wrong").status_code, 401)
        self.assertEqual(score("other").status_code, 404)

    def test_the_rate_limit(self):
        answers = [score("word-count", STARTER) for _ in range(6)]
        self.assertEqual([answer.status_code for answer in answers], [200] * 5 + [429])
        self.assertIn(int(answers[-1].headers["retry-after"]), range(1, 61))
