"""Name what a package manager, a compiler or a shell did not find, wherever in its output that stands.

Two missing packages are two failures, whose outputs differ in a URL or in the middle of a long
text. Each tool's own wording is looked for; what it names is said once more at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple
from urllib.parse import unquote

#: Characters looked at on either end of an output, and around each wording that is found.
_ENDS: Final = 64 * 1024
_AROUND: Final = 240
#: Places looked at for each wording, and names said.
_PLACES: Final = 6
_NAMES: Final = 6

_Q: Final = r"['\"`\u2018\u2019]"
#: A package as npm, PyPI, crates.io or Go write it, without its version.
_NAME: Final = r"(?<![\w.@/%-])(@?[A-Za-z0-9_][\w.-]{0,100}+(?:(?:/|%2[fF])[\w.-]{1,100}+){0,8}+)(?:\[[\w,-]{1,60}\])?"
#: The same behind the host of a registry.
_PATH: Final = _NAME.replace("(?<![\\w.@/%-])", "", 1)
#: Its version, or what it may be.
_SPEC: Final = r"(?:@[^\s'\"`]{0,60})?"

#: What each tool prints, and the pattern that finds the name there; the first word is looked for
#: by itself.
_WORDINGS: Final[tuple[tuple[str, str], ...]] = (
    # npm, pnpm, yarn, bun
    ("404 Not Found - GET http", rf"GET https?://[^\s/]+/{_PATH}(?=[\s:]|$)"),
    ("404  GET http", rf"GET https?://[^\s/]+/{_PATH}: "),
    ("error: GET http", rf"GET https?://[^\s/]+/{_PATH} - 404"),
    (" is not in th", rf"{_Q}?{_NAME}{_SPEC}{_Q}? is not in (?:this|the npm) registry"),
    ("No matching version found for ", rf"found for {_NAME}{_SPEC}(?=[\s.]|$)"),
    ("Could not resolve dependency:", rf"dependency: (?:peer(?:Optional)? )?{_NAME}@.{{1,80}}? from {_NAME}@"),
    (": Not found", rf"https?://[^\s/]+/{_PATH}: Not found"),
    ("Couldn't find package ", rf"package {_Q}{_NAME}{_SPEC}{_Q}"),
    ("Couldn't find any versions for ", rf"versions for {_Q}{_NAME}{_Q}"),
    (": Package not found", rf"(?:^|\s){_NAME}@\S{{1,60}}: Package not found"),
    (": No candidates found", rf"(?:^|\s){_NAME}@\S{{1,60}}: No candidates found"),
    ("found for specifier ", rf"specifier {_Q}{_NAME}{_Q}"),
    (" failed to resolve", rf"error: {_NAME}{_SPEC} failed to resolve"),
    # pip, uv, poetry, conda
    ("No matching distribution found for ", rf"found for {_NAME}"),
    ("satisfies the requirement ", rf"requirement {_NAME}"),
    (" was not found in the package registry", rf"{_NAME} was not found in the package registry"),
    (" was not found in the provided package", rf"{_NAME} was not found in the provided"),
    ("there are no versions of ", rf"no versions of {_NAME}"),
    ("there is no version of ", rf"no version of {_NAME}"),
    ("Because only ", r"Because only (?:the following versions of )?([A-Za-z0-9][\w.-]{0,100}?)(?:\[\w+\])?(?:[<>=!~{ ])"),
    ("matching version of package ", rf"of package {_NAME}"),
    ("which doesn't match any versions", rf"depends on {_NAME} \([^()]{{1,80}}\) which doesn't match"),
    ("PackagesNotFoundError", r"channels: - ([\w.-]{1,100})"),
    # cargo, go, Maven, Gradle, gem, composer, NuGet
    ("no matching package named ", rf"named {_Q}{_NAME}{_Q}"),
    ("version for the requirement ", rf"requirement {_Q}{_NAME} = "),
    ("no required module provides package ", rf"provides package {_NAME}(?=[;:\s]|$)"),
    ("cannot find module providing package ", rf"providing package {_NAME}(?=[;:\s]|$)"),
    ("cannot find package ", rf"cannot find package {_Q}{_NAME}{_Q}"),
    (" is not in std", rf"package {_NAME} is not in std"),
    (" is not in GOROOT", rf"package {_NAME} is not in GOROOT"),
    (": unknown revision", rf"{_NAME}@\S{{1,80}}: (?:invalid version: )?unknown revision"),
    (": 404 Not Found", rf"{_NAME}@v\S{{1,80}}: reading "),
    ("Could not find artifact ", r"artifact ([\w.-]{1,100}:[\w.-]{1,100})"),
    ("> Could not find ", r"not find ([\w.-]{1,100}:[\w.-]{1,100})"),
    ("Could not find gem ", rf"find gem {_Q}{_NAME}"),
    ("find a valid gem ", rf"valid gem {_Q}{_NAME}"),
    ("Root composer.json requires ", rf"requires {_NAME}"),
    ("Unable to find package ", rf"find package {_NAME}(?=[\s.]|$)"),
    # apt, apk, the shell, Docker
    ("Unable to locate package ", rf"locate package {_NAME}"),
    (" (no such package)", r"([\w.+-]{1,100}) \(no such package\)"),
    (": command not found", r"([\w.+-]{1,60}): command not found(?!:)"),
    (": not found", r"sh: (?:line )?(?:[0-9]+: )?([\w.+-]{1,60}): not found"),
    ("command not found: ", r"command not found: ([\w.+-]{1,60})"),
    ("executable file not found", rf"exec: {_Q}([^'\"\s]{{1,80}}){_Q}: executable file not found"),
    (" is not recognized as an internal", rf"{_Q}([\w.+-]{{1,60}}){_Q} is not recognized"),
    ("pull access denied for ", rf"denied for {_NAME}"),
    ("manifest for ", r"manifest for ([\w./-]{1,120})(?::\S{1,80})? not found"),
)  # fmt: skip
#: One of these is in whatever holds one of the wordings.
_ANY: Final = (
    "package", "regist", "ersion", "requirement", "ependenc", "ommand", "GET http", ": Not found", "404 Not Found",
    "sh: ", "failed to resolve", "andidates", "specifier", "istribution", "channels", "artifact", "> Could", " gem ",
    "composer", "not in std", "GOROOT", "unknown rev", "denied for", "manifest for", "executable file", "Package",
)  # fmt: skip
#: What npm writes at the beginning of each line.
_MARGINS: Final = ("npm error ", "npm ERR! ", "404  ")
#: What draws the frames of messages.
_FRAMES: Final = dict.fromkeys(range(0x2500, 0x2580), " ")


class Missing(NamedTuple):
    """What programs said was not found."""

    #: In alphabetical order; of many the first.
    names: tuple[str, ...]
    #: The lines around the first place that says so: the same, however much was printed.
    lines: str


def missing(*said: object) -> Missing | None:
    """Return the names of what programs said was not found; None for none.

    Args:
        said: what they printed, as text or bytes, and messages that quote it; of longer ones
            both ends are read, and what is neither is passed over.
    """
    output = "\n".join(dict.fromkeys([_readable(each) for each in said if each]))
    if not any(map(output.__contains__, _ANY)):
        return None
    found: dict[str, None] = {}
    first = len(output)
    for wording, pattern in _WORDINGS:
        if wording not in output:  # most are not
            continue
        for at, piece in _around(output, wording):
            if match := _compiled(pattern).search(piece):
                name = " ".join(unquote(name).rstrip(".") for name in match.groups() if name)
                found.setdefault(name)
                first = min(first, at)
    if not found:
        return None
    begin = output.rfind("\n", 0, max(0, first - _AROUND)) + 1
    end = output.find("\n", first + _AROUND)
    return Missing(
        tuple(sorted(found)[:_NAMES]), output[begin : end if end >= 0 else first + 2 * _AROUND]
    )


@cache  # when it is met first: importing this module compiles none
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _readable(said: object) -> str:
    if not issubclass(type(said), (str, bytes)):
        return ""
    assert isinstance(said, (str, bytes))
    if len(said) > 2 * _ENDS:
        return f"{_readable(said[:_ENDS])}\n{_readable(said[-_ENDS:])}"
    return str(said) if isinstance(said, str) else said.decode("utf-8", "replace")


def _around(output: str, wording: str) -> Iterator[tuple[int, str]]:
    """What stands around the places where a wording is, on one line."""
    at = output.find(wording)
    for _ in range(_PLACES):
        if at < 0:
            return
        piece = output[max(0, at - _AROUND) : at + len(wording) + _AROUND]
        for margin in _MARGINS:
            piece = piece.replace(margin, " ")
        if not piece.isascii():
            piece = piece.translate(_FRAMES)
        yield at, " ".join(piece.split())
        at = output.find(wording, at + len(wording))
