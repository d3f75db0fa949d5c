"""A Celery worker that designs apps; failures and cases are kept in PostgreSQL (`GENMON_STORE`)."""

import json
import os
from pathlib import Path

import openai
from celery import Celery

from genmon_otel import generation, setup

setup()
# Any broker of Celery's will do. This one is a folder, so that nothing else has to run.
folder = Path(os.environ.get("QUEUE_FOLDER", "queue")).absolute()
app = Celery(
    "app", broker=os.environ.get("BROKER_URL", "filesystem://"), backend=f"file://{folder}"
)
app.conf.broker_transport_options = {
    name: str(folder) for name in ("data_folder_in", "data_folder_out", "control_folder")
}


@app.task(name="design")
@generation
def design(request: str, user_id: str) -> dict:
    """Design one app."""
    client = openai.OpenAI(max_retries=1, timeout=30)
    messages = [{"role": "user", "content": f"Design an app, answer in JSON: {request}"}]
    answer = client.chat.completions.create(model="gpt-5-mini", messages=messages)
    return json.loads(answer.choices[0].message.content or "")
