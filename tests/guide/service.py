"""The guide's web service behind the gateway, as rrs.py and bes.py call it.

The gateway knows the service's own key; a caller has a subscription key only.
"""

import argparse
import json
import os
import ssl
import sys
import urllib.error
import urllib.request

KEY_VARIABLE = "SUBSCRIPTION_KEY"


class Service:
    def __init__(self, arguments):
        self.base = "{}/workspaces/{}/services/{}".format(
            arguments.gateway.rstrip("/"), arguments.workspace, arguments.service
        )
        self.key = arguments.key
        https = self.base.startswith("https:")
        self.tls = ssl.create_default_context(cafile=arguments.cafile) if https else None

    def call(self, method, path, body=None):
        """The answer's JSON, None if it is empty. A refusal is shown and ends the program."""
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=b"" if body is None and method == "POST" else body and json.dumps(body).encode(),
            headers={"Ocp-Apim-Subscription-Key": self.key, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, context=self.tls) as response:
                answer = response.read()
        except urllib.error.HTTPError as refusal:
            show(refusal)
            sys.exit(1)
        except urllib.error.URLError as error:
            sys.exit(f"{self.base}: {error.reason}")
        return json.loads(answer) if answer else None


def show(refusal):
    """The status, the headers and the body, as far as it is JSON."""
    print(f"The request failed with status code {refusal.code}", file=sys.stderr)
    print(refusal.headers, end="", file=sys.stderr)
    body = refusal.read().decode(errors="replace")
    try:
        body = json.dumps(json.loads(body), indent=2)
    except ValueError:
        pass
    print(body, file=sys.stderr)


def parser(description):
    """The arguments that both programs take. Their defaults are what `make run` serves."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument(
        "--gateway",
        default="http://127.0.0.1:8080/azureml-demo",
        metavar="URL",
        help="the gateway's address with the API's suffix (%(default)s)",
    )
    result.add_argument("--workspace", default="0123456789abcdef0123456789abcdef", metavar="ID")
    result.add_argument("--service", default="fedcba9876543210fedcba9876543210", metavar="ID")
    result.add_argument(
        "--key",
        default=os.environ.get(KEY_VARIABLE),
        help=f"the subscription key; without it, the variable {KEY_VARIABLE}",
    )
    result.add_argument("--cafile", metavar="FILE", help="the certificate to trust, for https")
    return result


def parse(parser):
    arguments = parser.parse_args()
    if not arguments.key:
        parser.error(f"no subscription key: give --key, or set {KEY_VARIABLE}")
    return arguments
