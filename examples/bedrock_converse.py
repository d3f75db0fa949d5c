"""boto3, Bedrock's converse. AWS_ENDPOINT_URL_BEDROCK_RUNTIME and AWS_DEFAULT_REGION are the SDK's own."""

import json
import os
import sys
from typing import Any

import boto3
from botocore.config import Config

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))
client = boto3.client(
    "bedrock-runtime",
    config=Config(read_timeout=PATIENCE_S, retries={"total_max_attempts": 2, "mode": "standard"}),
)


def ask(request: str, model: str = "amazon.nova-lite-v1:0") -> str:
    """Ask the model for a design."""
    prompt = f"Design an app as JSON. {request}"
    answer = client.converse(
        modelId=model, messages=[{"role": "user", "content": [{"text": prompt}]}]
    )
    return str(answer["output"]["message"]["content"][0]["text"])


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
