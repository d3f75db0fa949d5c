"""Which base URLs of model APIs a case's recording shows, as the variables that client libraries read them from.

A framework may ask otherwise of a gateway than of the provider itself: leave out a parameter, count
tokens by another endpoint. A replay gives it the gateway that was recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from genmon_otel.regression.cases.case import Case


class _Api(NamedTuple):
    #: Of the variables that the provider's client and others for the same API read.
    variables: tuple[str, ...]
    #: Ends the hosts at which no variable is needed.
    own_host: str
    #: The path that the client adds to its base URL.
    path: re.Pattern[str]


#: By provider, as the names of automatic steps begin. Sources: the clients' own documentation.
_APIS: Final[Mapping[str, _Api]] = {
    "openai": _Api(
        ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        "openai.com",
        re.compile(
            r"/(?:chat/completions|responses|embeddings|completions|images/generations"
            r"|audio/(?:speech|transcriptions))$"
        ),
    ),
    "anthropic": _Api(("ANTHROPIC_BASE_URL",), "anthropic.com", re.compile(r"/v1/messages$")),
    "gcp.gemini": _Api(
        ("GOOGLE_GEMINI_BASE_URL",),
        "googleapis.com",
        re.compile(r"/v1(?:alpha|beta)?[0-9]*/models/[^/]+$"),
    ),
}
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+|\[[0-9a-f:.]+\]")


def base_urls(case: Case) -> dict[str, str]:
    """Return the variables of each API all of whose recorded requests went to one host that is not its own.

    The scheme and the port were not recorded; a replay compares neither. None where steps are called
    for real: a case file does not say where its requests go.
    """
    if case.live:
        return {}
    found: dict[str, set[str]] = {}
    for step in case.steps:
        provider = step.name.partition(" ")[0]
        request = step.arguments
        if not step.adapter or provider not in _APIS or not isinstance(request, Mapping):
            continue
        host, path = str(request.get("host", "")), str(request.get("path", ""))
        end = _APIS[provider].path.search(path)
        is_own = f".{host.lower()}".endswith(f".{_APIS[provider].own_host}")
        url = (
            "" if is_own or end is None or not _HOST.fullmatch(host) else host + path[: end.start()]
        )
        found.setdefault(provider, set()).add(url)
    return {
        variable: f"https://{next(iter(urls))}"
        for provider, urls in found.items()
        if len(urls) == 1 and "" not in urls
        for variable in _APIS[provider].variables
    }
