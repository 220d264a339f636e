"""Asks the web service for the features of texts (request-response service, RRS).

    python3 rrs.py --key starter-demo-key "This is a good day"

Prints a line for each text: its eight counts. Needs Python 3 alone.
"""

import service

arguments = service.parser("Asks the web service for the features of texts.")
arguments.add_argument("text", nargs="*", default=["This is a good day"])
arguments = service.parse(arguments)

answer = service.Service(arguments).call(
    "POST",
    "/execute?api-version=2.0&details=true",
    {
        "Inputs": {
            "input1": {"ColumnNames": ["Col2"], "Values": [[text] for text in arguments.text]}
        },
        "GlobalParameters": {},
    },
)
for row in answer["Results"]["output1"]["value"]["Values"]:
    print(*row)
