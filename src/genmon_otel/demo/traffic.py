"""The demo's traffic: what users ask for, and who asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from types import ModuleType
from typing import Final

#: Users that share the requests out among themselves.
USERS: Final = ("ada", "ben", "cleo", "dan", "eve", "finn", "gia", "hal")
#: How often each request is made. What fails for want of a fix is asked for by several users.
OFTEN: Final = {
    "A habit tracker with streaks": 4,
    "A to-do list that survives a reload": 4,
    "A budget planner with a running total": 3,
    "A landing page for a bakery": 4,
    "A pomodoro timer": 3,
    "A recipe search with instant results": 3,
    "A link shortener with a JSON API": 3,
    "A lunch poll for the team": 2,
    "A quiz about the planets": 5,
    "An invoice generator with PDF export": 2,
    "A script that prints today's headlines": 2,
    "A chat window": 2,
    "A photo gallery": 1,
    "A weather dashboard": 1,
    "A map of nearby cafés": 1,
    "A kanban board with swimlanes": 2,
    "A calendar that shows public holidays": 1,
    "A music player with playlists": 1,
    "A markdown editor with live preview": 1,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request of one user."""

    text: str
    framework: str
    user_id: str
    project_id: str


def requests(frameworks: dict[str, str], limit: int | None) -> list[Request]:
    """The traffic: requests in rounds, so that failures come among successes.

    Args:
        frameworks: framework by request, as the shipped projects say.
        limit: so many, the rounds again and again; None for each once.
    """
    rounds = [
        text for turn in range(max(OFTEN.values())) for text, often in OFTEN.items() if turn < often
    ]
    return [
        Request(text, frameworks[text], USERS[number % len(USERS)], f"project-{number}")
        for number, text in enumerate(islice(cycle(rounds), limit or len(rounds)))
    ]


async def send(
    app_builder: ModuleType,
    wanted: list[Request],
    progress: Callable[[bool], None],
    *,
    at_once: int = 6,
    begin_within_s: float | None = None,
) -> int:
    """Make the requests, a few at a time. Failures are not raised: genmon counts them.

    Args:
        app_builder: the module whose ``build_app`` is called.
        wanted: the requests, in order.
        progress: called with True or False for each request that ended.
        at_once: requests at a time.
        begin_within_s: seconds after which no further one is begun; None: all are.

    Returns:
        How many were made.
    """
    free = asyncio.Semaphore(at_once)
    began, made = time.monotonic(), 0

    async def one(request: Request) -> None:
        nonlocal made
        async with free:
            if begin_within_s is not None and time.monotonic() - began > begin_within_s:
                return
            made += 1
            succeeded = True
            try:
                await app_builder.build_app(
                    request.text,
                    framework=request.framework,
                    user_id=request.user_id,
                    project_id=request.project_id,
                )
            except Exception:
                succeeded = False  # the user of a real product would see an error page
            progress(succeeded)

    await asyncio.gather(*(one(request) for request in wanted))
    await app_builder.model()[0].close()
    return made
