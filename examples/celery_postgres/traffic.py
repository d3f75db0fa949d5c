"""Run a worker, and give it work as an application does."""

import subprocess
import sys

from app import design, folder

folder.mkdir(exist_ok=True)
command = ["celery", "-A", "app", "worker", "--concurrency", "1", "--loglevel", "critical"]
worker = subprocess.Popen([sys.executable, "-m", *command])
asked = ["a clock", "a tea shop", "a book shop", "a bike shop"]
results = [design.delay(request, user_id=f"user-{n}") for n, request in enumerate(asked)]
for request, result in zip(asked, results, strict=True):
    done = result.get(timeout=120, propagate=False)
    print(request, "->", done["files"] if result.successful() else f"failed: {done}")
worker.terminate()
worker.wait()
