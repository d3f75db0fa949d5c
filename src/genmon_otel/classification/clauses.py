"""Rules over single clauses: what kind of thing did what kind of thing, in whatever order.

Asked last, where no phrase applied. Words are looked up in families, and a rule names the
families that must meet within one clause: a *model* and something *late*, *code* and
something *unparsed*. That holds for sentences, and for the names of classes, that nobody
collected. A clause about the application's own affairs (a user, a login, an invoice) is
left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntFlag, auto
from typing import Final

from genmon_otel.classification.verdict import (
    DEPENDENCY,
    PROVIDER,
    RATE,
    SHUT_OUT,
    SYNTAX,
    TIMEOUT,
    VALIDATION,
    Label,
    Verdict,
    Weight,
)


class Family(IntFlag):
    """What a word is about."""

    OWN = auto()
    MODEL = auto()
    VENDOR = auto()
    KEY = auto()
    REACH = auto()
    FIT = auto()
    OUTPUT = auto()
    PART = auto()
    WRITTEN = auto()
    CODE = auto()
    PACKAGE = auto()
    INSTALLER = auto()
    CHECKER = auto()
    NOT = auto()
    FAILED = auto()
    LATE = auto()
    ANSWER = auto()
    REFUSED = auto()
    BROKE = auto()
    THROTTLED = auto()
    INVALID = auto()
    UNPARSED = auto()
    PARSE = auto()
    LACKING = auto()
    ABSENT = auto()
    EXIST = auto()
    STUCK = auto()
    WORK = auto()
    BEYOND = auto()
    LIMIT = auto()
    TARGET = auto()
    MUST = auto()
    FETCH = auto()
    CLASH = auto()
    CHOSE = auto()
    FLAWED = auto()
    MARK = auto()
    READER = auto()
    CHOKED = auto()
    SLOT = auto()
    AUTHOR = auto()
    ARRIVE = auto()
    TOO = auto()
    ACTION = auto()
    VAGUE = auto()
    PACK = auto()
    ENDS = auto()


_F = Family

_FAMILIES: Final[Mapping[Family, str]] = {
    _F.OWN: "user users customer customers tenant tenants workspace owner member team role "
    "database redis postgres mysql cache invoice payment stripe login password theme font migration "
    "git branch commit lock webhook upload email mail storage bucket thumbnail archive cookie "
    "preview license newsletter recursion",
    _F.MODEL: "model models llm llms ai gpt claude gemini mistral openai anthropic bedrock vertex cohere "
    "ollama vllm groq openrouter deepseek provider providers inference completion completions chatgpt "
    "assistant agent gateway upstream endpoint stream vendor",
    _F.VENDOR: "gpt claude gemini mistral openai anthropic bedrock vertex cohere ollama vllm groq openrouter "
    "deepseek azure provider providers llm",
    _F.KEY: "key keys credential credentials permission permissions access authentication billing credit credits",
    _F.REACH: "reach connect contact session establish dial talk",
    _F.FIT: "render renders mention mentions cover covers meet meets show shows filled asked ordered wanted agreed promised follow follows followed match matches obey conform conforms fit fits satisfy contain contains include "
    "includes comply valid usable complete acceptable defined apply applies",
    _F.OUTPUT: "output outputs answer answers response responses reply replies plan plans completion "
    "manifest spec specification blueprint draft diff patch sitemap schema field fields section "
    "sections component components generated generation outline layout palette headline story "
    "summary essay poem article recipe itinerary lesson presentation deck brochure biography "
    "tagline report",
    _F.PART: "page pages route routes file files link links heading headings entry tool action image "
    "images slide slides paragraph paragraphs step steps caption chart charts button buttons "
    "form forms menu chapter chapters card cards widget widgets citation citations footnote "
    "footnotes question questions colour colours color colors slot slots hero footer navbar "
    "banner sitemap",
    _F.WRITTEN: "generated requested returned produced wrote written called emitted gave answered used",
    _F.CODE: "code json jsx tsx html css scss python javascript typescript js ts yaml toml xml sql svg graphql "
    "svelte vue mjs sass markdown template source script dockerfile markup tag tags brace braces bracket brackets quote quotes "
    "parenthesis parentheses indentation syntax ast expression statement backtick backticks fence fences comma "
    "commas colon semicolon semicolons",
    _F.PACKAGE: "tarball tarballs toolkit typings package packages dependency dependencies library libraries module modules import imports "
    "imported node_modules requirements lockfile plugin toolchain binary executable",
    _F.INSTALLER: "npm npx pnpm yarn pip uv poetry bun conda corepack install installing installation lockfile",
    _F.CHECKER: "validator validators validation linter lint eslint stylelint typecheck tsc mypy checker "
    "lighthouse accessibility a11y contrast rubric test tests vitest jest pytest playwright "
    "cypress reviewer critic typescript comparison spellcheck criteria criterion acceptance "
    "spelling grammar",
    _F.NOT: "nobody none nothing neither not no never without cannot can't couldn't didn't doesn't isn't wasn't won't hasn't don't",
    _F.FAILED: "broke failed fail fails failing failure error errors unable bad broken problem problems issue issues wrong violation violations "
    "invalid choked conflict conflicts conflicting differ differs refused rejected "
    "complained complains complaint complaints blew exploded bombed red unmet",
    _F.LATE: "late hang hangs hanging quiet silent silence stalled stalls stuck slow unresponsive overdue hung "
    "deadline timeout frozen froze waiting waited watchdog expired 408 504 524",
    _F.ANSWER: "respond responded reply replied react answered finish finished",
    _F.REFUSED: "401 402 403",
    _F.BROKE: "died dead crashed crash down offline outage unreachable unavailable unhealthy broke broken "
    "disconnected closed dropped refused declined blocked withheld flagged retired deprecated garbage lost "
    "aborted interrupted hiccup gone reset removed loading loaded busy restarting maintenance saturated 500 502 503 520 529",
    _F.THROTTLED: "429 throttled throttles throttling",
    _F.INVALID: "rejects invalid incomplete missing wrong unexpected unknown empty blank rejected violates mismatch "
    "malformed incorrect lacks lacking extra duplicate duplicates repeats repeated placeholder placeholders undefined unusable inconsistent",
    _F.UNPARSED: "unparsable unparseable malformed truncated unclosed unterminated unescaped unbalanced stray "
    "garbled corrupt corrupted uncompilable garbage rubbish junk gibberish leftover",
    _F.PARSE: "parse parsed parser parsing compile compiles compiled compilation syntax indentation tokenize",
    _F.LACKING: "missing misses lacks lacking incomplete",
    _F.ABSENT: "missing unknown nonexistent absent unresolved uninstalled unpublished hallucinated invented",
    _F.EXIST: "such exist exists found installed resolve resolved solve solved available published declared "
    "list lists listed registry npmjs pypi resolvable installable obtainable allowed permitted",
    _F.BEYOND: "exceed exceeds exceeded outside below above beyond over under more fewer less",
    _F.LIMIT: "maximum minimum max min allowed permitted allowable limit",
    _F.TARGET: "budget threshold target",
    _F.MUST: "must",
    _F.FETCH: "fetch fetched download downloaded install installed pull pulled obtain retrieve unpack unpacked",
    _F.CLASH: "clash clashes disagree disagrees mismatch mismatched incompatible conflict conflicts conflicting "
    "outdated stale diverge diverged drift drifted",
    _F.FLAWED: "contradicts contradict contradictory nowhere dangling orphaned twice identical skip skips "
    "overlap overlaps overlapping inconsistent untitled unlabelled unlabeled unstyled "
    "misaligned off-topic irrelevant forgot forgets omits omitted repeated repeats repeating "
    "ignored ignores contradicted looped unmet unfilled misspelled misspelt differs "
    "differ topic",
    _F.AUTHOR: "model llm ai gpt claude gemini mistral agent assistant writer planner designer coder copywriter",
    _F.ARRIVE: "arrived arrive arrives end",
    # What may be of anything, or only failed to be done.
    _F.VAGUE: "generation generated step steps file files tool action entry url protocol directory "
    "supported could couldn't cannot can't unable found connection chosen selected configured "
    "configuration enabled plan request requests answer answers response responses reply output "
    "exist exists such serializable serialisable empty for",
    _F.TOO: "too",
    _F.PACK: "package packages dependency dependencies lockfile",
    _F.ENDS: "end ends ended close closes closed terminate terminated",
    # What an application does with what was written, and what it does it in: its own affair.
    _F.ACTION: "save saved saving store stored persist persisted publish published publishing upload uploaded rename renamed "
    "delete deleted deleting remove restore restored locked send sent schedule scheduled cached cache move moved copy copied "
    "queue queued archive archived opened open register registered submit submitted submission click clicked handler deploy "
    "deployed print printer setting settings session browser server permission account shared sync "
    "editing edit update updated already payment order row_id state transition write writing read reading",
    _F.MARK: "quote quotes comma commas brace braces bracket brackets backtick backticks semicolon semicolons colon "
    "parenthesis parentheses fence fences delimiter",
    _F.READER: "babel esbuild swc py_compile acorn parser compiler interpreter rollup webpack vite postcss prettier bundler",
    _F.CHOKED: "choked chokes refused refuses rejects rejected gags gagged barfs barfed stumbled stumbles tripped",
    _F.SLOT: "slot slots capacity",
    _F.CHOSE: "picked chose chosen selected referenced references mentions named uses used wants",
    _F.WORK: "build bundler bundling compile compiler step phase task job request call worker planner renderer "
    "sandbox pipeline tool run",
    _F.STUCK: "hang hangs hanging hung stalled stalls stuck unresponsive overdue frozen froze",
}


def _words() -> dict[str, int]:
    found: dict[str, int] = {}
    for family, words in _FAMILIES.items():
        for word in words.split():
            found[word] = found.get(word, 0) | int(family)
    return found


# Plain integers from here on: arithmetic of flags costs twenty times as much.
_WORDS: Final = _words()
_OWN: Final = int(_F.OWN)
_ACTION: Final = int(_F.ACTION)
_VAGUE: Final = int(_F.VAGUE)

#: Tried in order: each family set must be met, by any of its families.
_RULES: Final[tuple[tuple[Label, str, tuple[Family, ...]], ...]] = (
    (RATE, "model throttled", (_F.MODEL, _F.THROTTLED)),
    (RATE, "no slot at the model", (_F.MODEL, _F.NOT, _F.SLOT)),
    (SHUT_OUT, "model refused us", (_F.MODEL, _F.REFUSED)),
    (SHUT_OUT, "key refused", (_F.VENDOR, _F.KEY, _F.FAILED | _F.NOT | _F.LACKING | _F.INVALID)),
    (TIMEOUT, "model late", (_F.MODEL | _F.OUTPUT, _F.LATE)),
    (TIMEOUT, "work stuck", (_F.WORK, _F.STUCK)),
    (TIMEOUT, "model without answer", (_F.MODEL | _F.AUTHOR, _F.NOT, _F.ANSWER)),
    (TIMEOUT, "answer did not arrive", (_F.MODEL | _F.OUTPUT, _F.NOT, _F.ARRIVE)),
    (DEPENDENCY, "package absent", (_F.PACKAGE | _F.INSTALLER, _F.ABSENT)),
    (DEPENDENCY, "package not there", (_F.PACKAGE | _F.INSTALLER, _F.NOT, _F.EXIST)),
    (DEPENDENCY, "installer failed", (_F.INSTALLER, _F.FAILED)),
    (DEPENDENCY, "package not fetched", (_F.PACKAGE | _F.INSTALLER, _F.NOT | _F.FAILED, _F.FETCH)),
    (DEPENDENCY, "packages clash", (_F.PACKAGE | _F.INSTALLER, _F.CLASH)),
    (SYNTAX, "code unparsed", (_F.CODE, _F.UNPARSED)),
    (SYNTAX, "code does not parse", (_F.CODE, _F.PARSE, _F.FAILED | _F.NOT)),
    (DEPENDENCY, "packages broken", (_F.PACK, _F.FAILED)),
    (SYNTAX, "code does not end", (_F.CODE, _F.NOT, _F.ENDS)),
    (SYNTAX, "mark missing", (_F.MARK, _F.LACKING | _F.INVALID | _F.UNPARSED)),
    (SYNTAX, "mark too many", (_F.MARK, _F.TOO)),
    (SYNTAX, "reader choked", (_F.READER, _F.CHOKED)),
    (VALIDATION, "check failed", (_F.CHECKER, _F.FAILED | _F.INVALID)),
    (VALIDATION, "output invalid", (_F.OUTPUT, _F.INVALID)),
    (VALIDATION, "output does not fit", (_F.OUTPUT | _F.PART | _F.MODEL, _F.NOT, _F.FIT)),
    (VALIDATION, "model wrote the wrong thing", (_F.MODEL, _F.WRITTEN, _F.INVALID)),
    (VALIDATION, "out of bounds", (_F.OUTPUT | _F.PART | _F.MODEL, _F.BEYOND, _F.LIMIT)),
    (VALIDATION, "off target", (_F.OUTPUT | _F.PART, _F.BEYOND, _F.TARGET)),
    (VALIDATION, "chose what is not there", (_F.MODEL, _F.CHOSE, _F.NOT, _F.EXIST)),
    (VALIDATION, "part must be otherwise", (_F.OUTPUT | _F.PART, _F.MUST)),
    (PROVIDER, "provider unreadable", (_F.VENDOR, _F.UNPARSED)),
    (PROVIDER, "model broke", (_F.MODEL, _F.BROKE)),
    (PROVIDER, "model out of reach", (_F.MODEL, _F.NOT | _F.FAILED, _F.REACH)),
)

#: Asked next, of clauses in which the application does nothing with what was written.
_CAREFUL: Final[tuple[tuple[Label, str, tuple[Family, ...]], ...]] = (
    (DEPENDENCY, "installer without", (_F.INSTALLER, _F.NOT)),
    (VALIDATION, "part not written", (_F.PART, _F.WRITTEN, _F.NOT | _F.INVALID)),
    (VALIDATION, "part lacking", (_F.PART, _F.LACKING)),
    (VALIDATION, "flawed", (_F.OUTPUT | _F.PART | _F.AUTHOR, _F.FLAWED)),
    (VALIDATION, "chose what lies beyond", (_F.CHOSE, _F.BEYOND, _F.OUTPUT | _F.PART)),
    (VALIDATION, "too much or too little", (_F.OUTPUT, _F.TOO)),
)
#: Asked last, of those that are about nothing else and name no path.
_LAST: Final[tuple[tuple[Label, str, tuple[Family, ...]], ...]] = (
    (VALIDATION, "part not right", (_F.OUTPUT | _F.PART, _F.NOT)),
)


def _plain(
    rules: tuple[tuple[Label, str, tuple[Family, ...]], ...],
) -> tuple[tuple[Label, str, tuple[int, ...]], ...]:
    return tuple((label, name, tuple(map(int, families))) for label, name, families in rules)


_WANTED: Final = _plain(_RULES)
_WANTED_CAREFULLY: Final = _plain(_RULES + _CAREFUL)
_WANTED_AT_LAST: Final = _plain(_RULES + _CAREFUL + _LAST)

_CLAUSE: Final = re.compile(r"[.;!?\n](?:\s|$)|\n")
#: A word that stands alone in quotation marks is a name or a value.
_WORD: Final = re.compile(
    r"(?<![\w'\"`])[a-z_]++(?:'t\b)?+(?!['\"`](?!\w))|\b\d{3}\b(?! ?(?:px|ms|[a-z]))"
)
#: Characters looked at, and clauses.
_LIMIT: Final = 600
_CLAUSES: Final = 6


def judge_clauses(text: str) -> Verdict | None:
    """What kinds of words meet in a clause of ``text`` (lower case)."""
    family_of = _WORDS.get
    for clause in _CLAUSE.split(text[:_LIMIT], _CLAUSES):
        families = 0
        for word in _WORD.findall(clause):
            families |= family_of(word, 0)
        if families & (families - 1) == 0 or families & _OWN:
            continue  # at most one family
        if families & _ACTION:
            rules = _WANTED
        elif families & _VAGUE or "/" in clause:
            rules = _WANTED_CAREFULLY
        else:
            rules = _WANTED_AT_LAST
        for label, name, wanted in rules:
            for family in wanted:
                if not families & family:
                    break
            else:
                return Verdict(*label, f"clause {name}", Weight.FALLBACK)
    return None
