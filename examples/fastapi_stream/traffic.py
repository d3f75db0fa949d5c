"""Serve the application on a loopback port, and ask it as users do."""

import socket
import threading

import httpx
import uvicorn
from app import app

listener = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
thread = threading.Thread(target=server.run, args=([listener],))
thread.start()
base = f"http://127.0.0.1:{listener.getsockname()[1]}"
for number, request in enumerate(["a clock", "a tea shop", "a book shop", "a bike shop"]):
    asked = {"request": request, "user_id": f"user-{number}"}
    try:
        print(
            request,
            "->",
            len(httpx.get(f"{base}/design", params=asked, timeout=60).text),
            "characters",
        )
    except httpx.HTTPError as error:
        print(request, "-> failed:", error)
server.should_exit = True
thread.join()
