"""Run a worker, and give it work as an application does."""

import subprocess
import sys

from app import design, folder

folder.mkdir(exist_ok=True)
command = ["celery", "-A", "app", "worker", "--concurrency", "1", "--loglevel", "critical"]
worker = subprocess.Popen([sys.executable, "-m", *command])
asked = ["a clock", "a tea shop", "a book shop", "a bike shop"]
results = [
    (request, design.delay(request, user_id=f"user-{number}"))
    for number, request in enumerate(asked)
]
for request, result in results:
    try:
        print(request, "->", result.get(timeout=120)["files"])
    except ValueError as error:
        print(request, "-> failed:", error)
worker.terminate()
worker.wait()
