"""Find the names of what a package manager, a compiler or a shell did not find, anywhere in its output.

Two missing packages are two failures, whose outputs differ in a URL or in the middle of a long
text. Each tool's own wording is looked for; what it names is said once more at the end. Of such
a text only those names and the tool's error code count: which file imports a missing module,
which version was requested and the rest of the output do not distinguish failures.
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
#: A module as it is imported: ``./Header``, ``@/components/card``, ``react/jsx-runtime``.
_MODULE: Final = r"['\"`\u2018]([^'\"`\u2018\u2019\s]{1,200})['\"`\u2019]"
#: Members of a list that conda prints.
_LIST: Final = r"((?:\s?- \S{1,120})+)"

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
    ("PackagesNotFoundError", rf"PackagesNotFoundError: [^:]{{1,120}}:{_LIST}"),
    ("ResolvePackageNotFound", rf"ResolvePackageNotFound:{_LIST}"),
    ("nothing provides ", r"nothing provides (?:requested )?([\w.-]{1,100})"),
    (" does not exist (perhaps", r"([\w.-]{1,100})(?: [\d*<>=~!][^\s()]{0,60})? does not exist \(perhaps"),
    # tsc, vite, rollup, esbuild, webpack, Next, Parcel, Metro, node, bun, deno, jest, eslint
    ("annot find module ", rf"annot find module {_MODULE}"),
    ("annot find package ", rf"annot find package {_MODULE}"),
    ("declaration file for module ", rf"for module {_MODULE}"),
    ("type definition file for ", rf"file for {_MODULE}"),
    (" has no exported member ", r"odule ['\"]{1,2}([^'\"\s]{1,200})['\"]{1,2} has no exported member (?:named )?'(\w{1,80})'"),
    (" is not exported by ", r"['\"](\w{1,80})['\"] is not exported by ['\"]([^'\"\s]{1,200})['\"]"),
    ("No matching export in ", r"export in ['\"]([^'\"\s]{1,200})['\"] for import ['\"](\w{1,80})['\"]"),
    ("was not found in '", rf"export '(\w{{1,80}})' (?:\(imported as '\w{{1,80}}'\) )?was not found in {_MODULE}"),
    ("an't resolve ", rf"an't resolve {_MODULE}"),
    ("ould not resolve", rf"ould not resolve:? {_MODULE}"),
    ("ailed to resolve ", rf"ailed to resolve (?:import |entry for package )?{_MODULE}"),
    ("nable to resolve ", rf"nable to resolve (?:path to )?(?:module )?{_MODULE}"),
    ("nable to resolve module ", r"resolve module ([^'\"`\s]{1,200}) from "),
    ("imported but could not be resolved", r"could not be resolved: ([^\s(]{1,200}) \(imported by"),
    ("stylesheet to import", rf"to import\. .{{0,60}}?@(?:use|import|forward) {_MODULE}"),
    ("Relative import path ", rf"import path {_MODULE} not prefixed"),
    ("Module not found ", rf"Module not found {_MODULE}"),
    ("Not found: 'package:", rf"Not found: {_MODULE}"),
    # mypy, pyright, Python, Rust, Swift, C
    ("stub for module named ", rf"module named {_MODULE}"),
    (" could not be resolved", rf"Import {_MODULE} could not be resolved"),
    ("No module named ", rf"No module named {_MODULE}"),
    ("unresolved import ", rf"unresolved import {_MODULE}"),
    ("unlinked crate ", rf"unlinked crate {_MODULE}"),
    ("find crate for ", rf"find crate for {_MODULE}"),
    ("no such module ", rf"no such module {_MODULE}"),
    ("fatal error: ", r"fatal error: ([\w./+-]{1,120}): No such file"),
    ("ld: cannot find ", r"cannot find (-l[\w.+-]{1,80})"),
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
    (" : Depends: ", r"(?:^|\s)([a-z0-9][a-z0-9+.-]{0,100}) : Depends: "),
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
#: What stands before the names, at the end of what an exception says.
_SAYS: Final = "named as missing: "
#: Error codes of npm, pnpm, yarn, tsc, NuGet, Rust and Node, which distinguish kinds of missing.
_CODE: Final = re.compile(
    r"\b(?:ERR_[A-Z_]{3,60}|TS[0-9]{4}|(?:NU|CS)[0-9]{4}|YN[0-9]{4}|E[0-9]{4}|E404|ETARGET|ERESOLVE|EINTEGRITY"
    r"|ENOVERSIONS|MODULE_NOT_FOUND)\b"
)
#: One of these is in whatever holds one of the wordings.
_ANY: Final = (
    "package", "regist", "ersion", "requirement", "ependenc", "ommand", "GET http", ": Not found", "404 Not Found",
    "sh: ", "to resolve", "not resolve", "'t resolve", "andidates", "specifier", "istribution", "artifact", "> Could",
    " gem ", "composer", "not in std", "GOROOT", "unknown rev", "denied for", "manifest for", "executable file",
    "Package", "odule", "import", "export", "nothing provides", "definition file", "not exist (", "crate", "ld: ",
    "fatal error", "Not found: '",
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


def names_alone(said: str) -> str:
    """Return the part of a text with appended names that counts: the error code and the names.

    Any other text as it is.
    """
    before, says, names = said.rpartition(f"\n{_SAYS}")
    if not says:
        return said
    code = _CODE.search(before)
    return f"{code[0]}\n{_SAYS}{names}" if code else f"{_SAYS}{names}"


def with_names(said: str, found: Missing) -> str:
    """Return a message with the missing names appended."""
    return f"{said}\n{_SAYS}{', '.join(found.names)}"


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
            for match in _compiled(pattern).finditer(piece):
                found.update(dict.fromkeys(_names(match)))
                first = min(first, at)
    if not found:
        return None
    begin = output.rfind("\n", 0, max(0, first - _AROUND)) + 1
    end = output.find("\n", first + _AROUND)
    return Missing(
        tuple(sorted(found)[:_NAMES]), output[begin : end if end >= 0 else first + 2 * _AROUND]
    )


@cache  # compiled on first use, so that importing this module compiles nothing
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _names(match: re.Match[str]) -> list[str]:
    """Return what a match names: one package or module, two that do not fit, or a list."""
    if match[1].lstrip().startswith("- "):
        return [_CONDA_NAME.sub("", spec) for spec in match[1].split() if spec != "-"]
    return [" ".join(_bare(name) for name in match.groups() if name)]


#: ``defaults::lz4-c==1.9.3=h9c3ff4c_1``: what is not the name.
_CONDA_NAME: Final = re.compile(r"^[\w./-]{1,60}::|[\[=<>!~|,].*$")
#: Folders from which the path of a source file is the same on every machine.
_ROOTS: Final = ("/src/", "/app/", "/lib/", "/dist/")
_UP: Final = re.compile(r"^(?:\.{1,2}/)+")
#: ``chunk-4f3a2b1c.js``
_HASHED: Final = re.compile(r"(?=[0-9a-f]{0,7}[0-9])[0-9a-f]{8,64}(?![0-9A-Za-z])")


def _bare(name: str) -> str:
    """Return a name as it is the same for every importer and on every machine.

    A module's path begins at ``./``, wherever it was imported from; a path from the root begins
    below the folder of sources, else with the file's name.
    """
    name = unquote(name).rstrip(".").partition("?")[0]
    if name.startswith(("/", "file:/")) or name[1:3] in (":\\", ":/"):
        name = _HASHED.sub("<id>", name.replace("\\", "/").rstrip("/"))
        root = next((folder for folder in _ROOTS if folder in name), "/")
        name = f"./{name.rpartition(root)[2]}"
    if name.startswith("."):
        return "./" + _HASHED.sub("<id>", _UP.sub("", name))
    return name


def _readable(said: object) -> str:
    if not issubclass(type(said), (str, bytes)):
        return ""
    assert isinstance(said, (str, bytes))
    if len(said) > 2 * _ENDS:
        return f"{_readable(said[:_ENDS])}\n{_readable(said[-_ENDS:])}"
    return str(said) if isinstance(said, str) else said.decode("utf-8", "replace")


def _around(output: str, wording: str) -> Iterator[tuple[int, str]]:
    """Yield the text around each place of a wording, on one line."""
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
