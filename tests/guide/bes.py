"""Has the web service make a table of features from a CSV file (batch execution service, BES).

    python3 bes.py --key unlimited-demo-key --input in.csv --output out.csv

Uploads the file to blob storage, submits a job that reads it there, starts the job, asks once a
second until it has ended, and downloads what it wrote. The service reads the column Col2.

Needs Python 3 and azure-storage-blob (requirements.txt), and a storage account: any of Azure's, or
Azurite on this machine.
"""

import os
import shutil
import sys
import time
import urllib.request
import uuid

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobServiceClient

import service

STORAGE_VARIABLE = "AZURE_STORAGE_CONNECTION_STRING"
# An older service answers with numbers.
ENDS = {2: "Failed", 3: "Cancelled", 4: "Finished"}


def main():
    parser = service.parser("Has the web service make a table of features from a CSV file.")
    parser.add_argument("--input", required=True, metavar="FILE", help="a CSV file with Col2")
    parser.add_argument("--output", required=True, metavar="FILE", help="where the result goes")
    parser.add_argument(
        "--storage",
        default=os.environ.get(STORAGE_VARIABLE, "UseDevelopmentStorage=true"),
        metavar="CONNECTION-STRING",
        help=f"the storage account; without it, the variable {STORAGE_VARIABLE}, else Azurite",
    )
    parser.add_argument("--container", default="guide", metavar="NAME")
    parser.add_argument("--blob", metavar="NAME", help="the input's name there; without it, a new one")
    arguments = service.parse(parser)

    # A folder for each run, so that two of them do not meet.
    folder = f"{arguments.container}/{uuid.uuid4()}"
    blobs = {"input": f"{folder}/input.csv", "output": f"{folder}/output.csv"}
    if arguments.blob:
        blobs["input"] = f"{arguments.container}/{arguments.blob}"
    upload(arguments.storage, blobs["input"], arguments.input)
    status = run(service.Service(arguments), arguments.storage, blobs)
    code = status["StatusCode"]
    if ENDS.get(code, code) != "Finished":
        sys.exit(f"The job has ended: {ENDS.get(code, code)}. {status['Details'] or ''}")
    download(status["Results"]["output1"], arguments.output)


def upload(connection_string, blob, file):
    """Makes the container if it is not there."""
    container, name = blob.split("/", 1)
    try:
        # Its own default is minutes of retries, which for a mistyped address is long.
        account = BlobServiceClient.from_connection_string(connection_string, retry_total=2)
        try:
            account.create_container(container)
        except ResourceExistsError:
            pass
        with open(file, "rb") as content:
            account.get_blob_client(container, name).upload_blob(content, overwrite=True)
    except ValueError as error:
        sys.exit(f"The connection string of the storage account: {error}")
    except (AzureError, OSError) as error:
        sys.exit(f"Cannot upload {file}: {error}")
    print(f"Uploaded {file} to {blob}")


def run(web_service, connection_string, blobs):
    """Submits and starts a job, waits for its end, and answers its last status."""

    def location(name):
        return {"ConnectionString": connection_string, "RelativeLocation": "/" + blobs[name]}

    job = web_service.call(
        "POST",
        "/jobs?api-version=2.0",
        {
            "Input": location("input"),
            "Outputs": {"output1": location("output")},
            "GlobalParameters": {},
        },
    )
    print(f"Submitted job {job}")
    try:
        web_service.call("POST", f"/jobs/{job}/start?api-version=2.0")
        while True:
            status = web_service.call("GET", f"/jobs/{job}?api-version=2.0")
            code = status["StatusCode"]
            print(f"Status: {code}", flush=True)
            if code in ENDS or code in ENDS.values():
                return status
            time.sleep(1)
    except KeyboardInterrupt:
        web_service.call("DELETE", f"/jobs/{job}?api-version=2.0")
        sys.exit(f"Cancelled job {job}")


def download(result, file):
    """The result's link is signed: it needs no key, and it does not go through the gateway."""
    link = result["BaseLocation"] + result["RelativeLocation"] + result["SasBlobToken"]
    with urllib.request.urlopen(link) as content, open(file, "wb") as target:
        shutil.copyfileobj(content, target)
    print(f"Saved the result to {file}. Its first rows:")
    with open(file, encoding="utf-8") as rows:
        next(rows)
        for row, _ in zip(rows, range(3)):
            print(*row.strip().split(","))


if __name__ == "__main__":
    main()
