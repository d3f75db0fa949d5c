"""Rules over what compilers, linters and formatters print: their formats, then their words.

A format tells more than the words in it: ``1:5  error  Unexpected 'debugger'  no-debugger``
is a lint rule, ``error[E0308]: expected u32, found &str`` a type error, though both speak
as parsers do. What names a place in a file and says neither that it does not parse nor
that something is missing was refused (:data:`LOCATED_RULES`).
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.verdict import DEPENDENCY, SYNTAX, VALIDATION
from genmon_otel.classification.wording import Wording, wording

#: ``src/a.ts:3:7`` and its relatives; javac and vnu name a line or a range.
_PLACE: Final = r"""(?:^|\n|[:)] )[ \"]{0,3}(?:vet: )?(?:file:)?[\w@./\\ :~+-]{0,200}\.[a-z]{1,8}\"?[:(]\d{1,6}(?:[.:,]\d{1,6})?(?:-\d[\d.]{0,12})?\)?"""

#: What typescript-eslint calls a parsing error, too: a file that its project leaves out.
_LEFT_OUT: Final = r"[^\n]{0,300}(?:project service|parseroptions|tsconfig)"

#: Read before toolchains' own forms, which hold its words too.
PARSER_RULE: Final = wording(
    SYNTAX,
    "linter's parser",
    rf"parsing error: (?!{_LEFT_OUT})",
    r"\bcsssyntaxerror\b",
    r"\(syntax(?:-error)?\)",
    r":\d+:\d+ parse ━",
)

#: Formats that decide, read before any words.
FORMAT_RULES: Final[tuple[Wording, ...]] = (
    wording(
        DEPENDENCY,
        "compiler's or linter's code",
        r"error\[e0(?:432|433|455|460|461|463|514|583|786)\]",
        r"error (?:cs0(?:006|234|246)|nu1\d{3})\b",
        r"\((?:import-error|reportmissing(?:module)?(?:imports|source))\)",
    ),
    wording(
        SYNTAX,
        "compiler's syntax",
        r"error cs1(?:0[0-4]\d|5[12]\d)\b",
        r"\be: [^\n]{1,200}\.kts?:\d+:\d+:? expecting\b",
    ),
    wording(
        VALIDATION,
        "compiler's or linter's code",
        r"error\[e0\d{3}\]",
        r"error cs\d{4}\b",
        # biome, deno lint: error[no-var], lint/suspicious/noDebugger
        r"(?:error|warning)\[[a-z]\w{0,20}(?:[/-][a-z]\w{0,30}){1,4}\]",
        r"(?:^|[\s])lint/[a-z]\w{2,30}/[a-z]\w{2,40}",
        # eslint, oxlint: eslint(no-debugger), react-hooks(rules-of-hooks)
        r"[✖×x!⚠] [a-z]{2,20}(?:-[a-z]{2,20}){0,3}\([\w@/-]{2,60}\): ",
    ),
    wording(
        VALIDATION,
        "linter's report",
        # eslint, html-validate: 1:18  error  'b' is not defined  no-undef
        r"\n +\d+:\d+ +(?:error|warning|✖) +[^\n]{1,200} (?: [\w@/-]{2,60}|\([\w@/-]{2,60}\))(?:\n|$)",
        r"(?:^|\n)error {2,}[^\n]{1,200} {2,}[\w@/-]{2,60}(?:\n|$)",
        # htmlhint: ... (doctype-first)
        r"\^ [^\n]{1,200} \([a-z]{2,20}(?:-[a-z]{1,20}){1,5}\)",
        r"\"[^\"\n]{1,200}\":\d+\.\d+-\d+\.\d+: error: ",
        # flake8, pylint: a.py:1:0: w0611: ...; bandit; ruff's JSON
        r"\.py:\d+:\d+: (?!e999|e0001|e902|f7\d\d)[a-z]{1,4}\d{3,5}:? ",
        r">> issue: \[[a-z]\d{3}:",
        r"\"(?:rule_?id|code)\": ?\"[a-z]{1,4}\d{3,4}\"(?!,\s{0,8}\"summary\")",
        # eslint's other formats: [Error/no-undef], ruleId: no-undef, error no-undef :
        r"\[(?:error|warning)/[\w@/-]{2,60}\]",
        r"\n {4,12}ruleid: [a-z@][\w@/-]{1,60}(?:\n|$)",
        r"\(\d{1,6},\d{1,4}\): (?:error|warning) [\w@/-]{3,60} : ",
        r": line \d{1,6}, col \d{1,4}, (?:error|warning) - ",
        r"<(?:issue|error|violation) (?:line|char)=\"\d[^>\n]{0,400}\([\w@/-]{3,60}\)\"",
    ),
    wording(
        VALIDATION,
        "configuration",
        r"toml parse error at [\s\S]{0,240}?\b(?:unknown (?:field|variant)|missing field|invalid (?:type|value|length))\b",
        r"unknown (?:compiler|command[- ]line|cli|build|config(?:uration)?) (?:option|flag|field|setting)s?\b",
        r"error\W{1,6}(?:unknown|unrecogni[sz]ed|unexpected|invalid) (?:option|flag|argument|field)s?\b",
        r"invalid (?:compiler |command[- ]line |cli |build )(?:option|flag|setting)",
        r"could not find \"[^\"\n]{1,80}\" in plugin",
        r"\bconfiguration (?:file |(?:for|in|of) [^\n]{1,120} )?(?:is|was) (?:invalid|not valid)",
        # argparse, click, clap, node, go, esbuild, rollup: what was asked of the tool is none of its options
        r"\binvalid (?:\w+ ){0,2}['\"`][^\n'\"`]{1,80}['\"`] (?:in|for) (?:the )?(?:\w+ )?['\"`]",
        r"\binvalid choice: ",
        r"\b(?:no such|bad|unrecogni[sz]ed|unknown|unexpected) (?:\w+ )?(?:option|flag|argument|parameter)s?:? ['\"`]?--?[a-z]",
        r"flag provided but not defined",
        # eslint, yarn
        r"\bconfig(?:uration)? object (?:is using|has|contains|specifies)\b[^\n]{0,120}\b(?:not supported|unknown|invalid|unexpected)\b",
        r"\bunrecogni[sz]ed (?:or \w{1,20} )?(?:configuration|config) (?:settings?|options?|keys?|propert(?:y|ies))\b",
        r"\nerror workspaces can only be\b",
        r"\b(?:environment|config(?:uration)?|option|setting) key [\"'`][^\"'`\n]{1,60}[\"'`] is (?:unknown|invalid|not)",
        r"\bkey \"[\w@/.:-]{1,60}\": (?:key|value|expected|unexpected|invalid|unknown)\b",
        r"\binvalid option: the ['\"`]",
        r"\bduplicate (?:plugin|preset)s?\b[^\n]{0,20}\bdetected\b",
        r"\bconfig \([\w ./\\\"'-]{1,80}\): ",
        rf"parsing error: {_LEFT_OUT}",
        r"\binvalid [^\n]{0,60}\boptions? (?:detected|found|specified|given|passed)\b",
        r"\b(?:valid|possible|allowed|accepted) values (?:are|is|for)\b|\[possible values: ",
        r"no loader is configured",
    ),
    wording(
        VALIDATION,
        "formatter",
        r"code style issues?",
        r"would (?:be )?reformat(?:ted)?\b",
        r"(?:formatter|formatting) would have",
        r"\bnot (?:correctly |properly )?formatted\b",
        r"(?:incorrectly|not correctly|wrongly) (?:formatted|sorted)",
        r"(?:^|\n|: )diff in /?[\w./\\-]{1,200}:\d+",
    ),
)
#: Words of compilers whose sentences differ from bundlers'.
COMPILER_RULES: Final[tuple[Wording, ...]] = (
    wording(
        SYNTAX,
        "compiler syntax",
        r"error: expected [^\n]{1,80} (?:before|after|at end of) ",
        r"error: [^\n]{0,60}\b(?:missing terminating|stray '|unterminated|unbalanced)",
        r"while parsing '[^\n]{1,60}' in [^\n]{1,200}\.json",
        r"invalid (?:toml|json|yaml) file",
        r"reached end of file while parsing",
        r"\*\*\* missing separator",
        r"\bnon-parse?able\b",
        r"\byaml(?:\.\w+)*(?:exception|error):",
        r"error: expected [\w \"';:{}()]{1,40}\.\n",
    ),
    wording(
        DEPENDENCY,
        "compiler's missing piece",
        r"fatal error: [\w./+-]{1,120}: no such file",
        r"ld(?:\.\w+)?: (?:cannot|unable to) find (?:-l|library)",
        r"(?:undefined reference to|undefined symbols? for|unresolved external symbol)",
        r"error: package [\w.]{1,120} does not exist",
        r"could not find or load main class|classnotfoundexception|noclassdeffounderror",
        r"can't locate [\w/:.]{1,120} in @inc|cannot load such file|failed opening required",
        r"'[^'\n]{1,200}' wasn't found\. tried",
        r"\bcannot import ['\"`]",
        r"\bno such module ['\"`]",
        r"\bcould not find (?:gem\b|[\w.-]{2,80}:[\w.-]{2,80}:)",
        r"could not resolve all (?:\w+ )?(?:files|dependencies|artifacts)",
        r"\bconflicts? with [^\n]{0,40}\bpeer\b",
        r"internal error: (?:[^\n]{0,120}\b(?:lockfile|workspace|manifest)\b|e(?:noent|acces|perm|notdir)\b)",
        r"does not appear to be a python project",
        r"failed to parse: [`'\"]",
        r"\bno (?:\w+ )?(?:interpreter|compiler|toolchain|sdk|jdk|runtime) (?:was |could be )?found",
        r"(?:do|did|may|might|have|need) (?:you )?(?:need |forget )?to install\b|did you install\b",
        r"(?:cannot|can't|could not) connect to the docker daemon|is the docker daemon running",
        r"cannot find (?:module providing package|implementation or library stub)",
        r"library stubs not installed",
        r"\bpackage [\w./-]{1,120} is not in (?:std|goroot)",
        r"missing go\.sum entry",
        r"no matching package (?:named|found)",
        r"failed to select a version for",
        r"executable (?:doesn't|does not) exist",
        r"failed to spawn",
        r"\bimport [\"'`][^\"'`\n]{1,120}[\"'`] (?:is )?not (?:a|in|among|listed)",
        r"error: [\w@./^~*<>=-]{1,120} failed to resolve",
        r"(?:doesn't|does not) exist or is not a directory",
        r"node_modules/[\w@./-]{1,120}: command failed",
        r"gyp err!",
        r"\bwheel '[^'\n]{1,200}' [^\n]{0,300}\bis invalid",
        r"\bfailed for \"?[\w@./-]{1,80}\"? \(computed integrity",
        r"(?:integrity|checksum|signature|sha-?\d{1,3}|digest)(?: checksum| check| sum)?s?\b[^\n]{0,20}\b(?:fail\w*|mismatch\w*|(?:did|does|do)(?: not|n't) match)\b[^\n]{0,60}\b(?:for|of|tarball|package|archive)\b",
        r"error(?: |\",\"data\":\")(?:error: )?\"?https?://[^\s\"]{1,200}: (?:not found|unauthorized|forbidden|service unavailable|bad gateway|request failed)",
        r"error: get https?://[^\s]{1,200} - (?:4(?!08|29)|5)\d\d",
        r"--(?:locked|frozen(?:-lockfile)?|immutable)[`'\"]? (?:was|is) (?:passed|provided|set|used|given)",
        r"(?:unable|failed) to find lockfile|since [\w./-]{0,20}lock(?:file)? was last",
    ),
)
#: A place in a file, when nothing said that it does not parse.
LOCATED_RULES: Final[tuple[Wording, ...]] = (
    wording(
        VALIDATION,
        "diagnostic",
        rf"{_PLACE}:? *-? *(?:fatal )?error\b",
        rf"{_PLACE.replace('[a-z]{1,8}', 'go')}: ",
        # rustc, swc, oxc: --> src/main.rs:1:13; rollup's plugins: a.svelte (1:3):
        r"(?:-->|╭─\[|┌─|,-\[) ?[\w@./\\-]{1,200}:\d+:\d+",
        r"\.(?:svelte|vue|astro|mdx?|[cm]?[tj]sx?|css|html) ?\(\d+:\d+\):? ",
        r"\[error\] [^\n]{1,300}\n\n +[\w@./\\-]{1,200}:\d+:\d+:",
        r"\be: [^\n]{1,200}\.kts?:\d+:\d+",
        # sass: a box drawn under the message
        r"error: [^\n]{1,300}\n +╷",
        # maven, xml: ... @ line 1, column 10
        r"(?:@|\bon) line \d+, column \d+",
        r"(?:^|\n)found \d+ (?:\w+ )?(?:problems?|issues?|warnings?)",
        # esbuild and vue, of what is neither missing nor broken: options that do not go together
        r"✘ \[error\] (?!\[plugin|listen |[^\n]{0,200}\b(?:permission denied|access is denied)\b)",
        r"\[@?vue/compiler-\w{2,10}\] ",
    ),
)
