"""What compilers, bundlers and test runners print.

What names a place in a file and says neither that it does not parse nor that something is
missing was refused (:data:`LOCATED`).
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import Entry, entry, form, printed
from genmon_otel.classification.verdict import DEPENDENCY, SYNTAX, TIMEOUT, VALIDATION

#: ``src/a.ts:3:7`` and its relatives; javac and vnu name a line or a range.
_PLACE: Final = r"""(?:^|\n|[:)] )[ \"]{0,3}(?:vet: )?(?:file:)?[\w@./\\ :~+-]{0,120}\.[a-z]{1,8}\"?[:(]\d{1,6}(?:[.:,]\d{1,6})?(?:-\d[\d.]{0,12})?\)?"""
PARSE_ERRORS: Final[tuple[Entry, ...]] = (
    entry(
        SYNTAX,
        "package_file",
        "npm, pnpm, yarn, node, pip and uv, a package.json or pyproject.toml that does not parse",
        "ejsonparse",
        "err_pnpm_json_parse",
        "err_invalid_package_config",
        "invalid package config",
        "toml parse error at line",
        "tomldecodeerror",
        form(r"<<<<<<< \w"),
        "json strings must use double quotes",
        form(r"\binvalid (?:toml|json|yaml) file [^\n]{0,200}", "file"),
        "non-parseable pom",
        "missing separator. stop",
        form(r"\*\*\* missing separator", "separator"),
        form(r"\bwithin a (?:single|double) quoted scalar\b", "scalar"),
    ),
    entry(
        SYNTAX,
        "tsc.syntax",
        "tsc: codes of what does not parse, TS1002 to TS1538 and TS17002 to TS17015",
        form(
            r"error ts(?:1(?:00[1-9]|01\d|0[2-4]\d|05[0-46-7]|06[126-9]|0[7-9]\d|1(?:0[0-9]|1[0-9]|2[0-8]|3[0-9]|4[0-1]|[5-8]\d|9[3-9])|20[01679]|260|3(?:0\d|1\d|3[0-9]|5[0-9]|8[0-25-8])|4(?:3\d|4[0-1])|5(?:0[2-9]|[12]\d|3[0-8]))|2657|1700[235-9]|1701[0-5])\b",
            "ts",
        ),
    ),
    entry(
        SYNTAX,
        "bundler.syntax",
        "esbuild, vite, rollup, webpack, swc, Babel, Sass, rustc and gcc, a source that does not parse",
        form(
            r"\bmodule parse failed: (?:unexpected|identifier|the keyword|'|unterminated|bad|duplicate|missing|invalid|assigning|shorthand)",
            "parse",
        ),
        "unable to parse html",
        "[parse_error]",
        form(
            r"(?<!\w)(?:template|graphql)?syntaxerror\b[:(\[]",
            "syntaxerror",
            "graphqlsyntaxerror",
            "templatesyntaxerror",
        ),
        form(r"rolluperror: [^\n]{0,120}(?:expected|unexpected|unterminated|parse)", "rolluperror"),
        form(
            r":\d+:\d+: error: (?:expected|unexpected|unterminated|stray|missing terminating|invalid suffix)\b",
            "error",
        ),
        form(
            r"""(?:error[\]:]{1,2}|×|✘) ?(?:\[error\] )?(?:expected ["'`][^\n]{1,20}["'`]|expected [a-z ]{1,30} in (?:json|css)) but found""",
            "found",
        ),
        form(
            r"""(?:error|\d\)?)[\]:]{1,2} {0,3}(?:unexpected (?:token|end of (?:file|input|json|template)|eof|"[^\n]{1,20}"|'[^\w\s]|`)|expected (?:[`"'][^\w\s]{1,3}[`"']|unicode|identifier|expression|jsx|one of [`"'])|unterminated (?:string|template|regular|regex|comment|jsx)|unclosed (?:tag|block|bracket|string|comment|delimiter|element))""",
            "unexpected",
            "expected",
            "unterminated",
            "unclosed",
        ),
        "× unexpected token",
        "x unexpected token",
        form(r"the character \".{1,4}\" is not valid", "character"),
        form(r"\bunexpected closing [^\n]{0,40} tag", "closing"),
        form(
            r"\[(?:@vue/compiler-\w{2,10}|vite:vue|plugin:vite:vue|vite)\]:? [^\n]{0,200}\b(?:missing end tag|invalid end tag|unexpected|unterminated|element is missing)",
            "vite",
            "vue",
        ),
        "element is missing end tag",
        "has no corresponding closing tag",
        form(r"\bprivate name ['\"]?#\w{1,60}['\"]? must be declared", "private"),
        form(r"@babel/parser/lib/index\.js:\d+:\d+\)", "babel"),
        "jest encountered an unexpected token",
        "esm syntax (import/export) that could not",
        "error while parsing config",
        form(r"while parsing '[^\n]{1,60}' in [^\n]{1,200}\.json", "json"),
        form(
            r"\berror: (?:';'|'\)'|'\]'|'\}'|class, interface, enum, or record|<identifier>|reached end of file)",
            "error",
        ),
        "reached end of file while parsing",
        form(r"\bphp parse error: |\bparse error: syntax error", "parse"),
        "syntax error near unexpected token",
        "syntax error: (unexpected|end of file|word|unterminated)",
        "unexpected eof while looking for matching",
        "failed to parse source for import analysis",
    ),
    printed(
        SYNTAX,
        "parser",
        "parsers of many tools",
        form(r"(?:^|\n)error: expected [^\n]{1,80}, found ", "expected"),
        form(
            r"(?:error\]?:?|×|✘) [^\n]{0,80}\bexpected (?!version|\d|true|false|null|undefined)[^\n]{1,60} (?:but found|got|instead)",
            "expected found",
            "expected got",
            "expected instead",
        ),
        form(
            r"""(?:error|\d\)?)[\]:]{0,2}:? {0,3}(?:unexpected (?:token|end(?! of (?:the )?stream)|closing|character|eof|"|'|`|\w+ token)|expected (?:`|"|'|;|unicode|identifier|expression|jsx)|unterminated |unclosed )""",
            "unexpected",
            "expected",
            "unterminated",
            "unclosed",
        ),
        form(r"error: expected [\w \"';:{}()]{1,40}\.\n", "expected"),
        form(r"error: expected [^\n]{1,80} (?:before|after|at end of) ", "expected"),
        form(
            r"error: [^\n]{0,60}\b(?:missing terminating|stray '|unterminated|unbalanced)",
            "terminating",
            "stray",
            "unterminated",
            "unbalanced",
        ),
        form(r"\bsyntax ?error\b", "syntax", "syntaxerror"),
        form(
            r"(?:parse|parser) error|(?<!\w)parseerror\b",
            "parse error",
            "parser error",
            "parseerror",
        ),
        form(
            r"\bunexpected (?:token|end of (?:input|file)|eof|identifier|character)\b", "unexpected"
        ),
        "cannot parse",
        "has already been declared",
        form(r"\byaml(?:\.\w+)*(?:exception|error):", "yaml", "yamlexception", "yamlerror"),
        "jsondecodeerror",
        "unterminated string",
        "error while parsing",
        "unknown word",
        "unclosed block",
        "unclosed bracket",
        "unclosed string",
        form(
            r"failed to parse (?!image|url|version|requirement|entry|\w+ from completion)", "parse"
        ),
    ),
)

MISSING_PIECES: Final[tuple[Entry, ...]] = (
    entry(
        DEPENDENCY,
        "linker",
        "gcc, ld, clang, javac, the JVM, Perl, Ruby, PHP, Go, mypy and Deno, what a program needs and is not there",
        form(r"fatal error: [\w./+-]{1,120}: no such file", "fatal"),
        form(r"\bld(?:\.\w+)?: (?:cannot|unable to) find (?:-l|library)", "ld"),
        form(
            r"\bundefined reference to ['`\"]|\bundefined symbols for architecture\b|\bunresolved external symbol\b",
            "undefined",
            "unresolved",
        ),
        form(r"error: package [\w.]{1,120} does not exist", "package"),
        "could not find or load main class",
        form(
            r"\b(?:java\.lang\.)?(?:classnotfoundexception|noclassdeffounderror)\b",
            "classnotfoundexception",
            "noclassdeffounderror",
        ),
        form(r"can't locate [\w/:.]{1,120} in @inc", "locate"),
        form(r"cannot load such file -- ", "load"),
        "failed opening required '",
        "cannot find implementation or library stub",
        "library stubs not installed for",
        form(r"error: (?:[\w./-]{1,120}: )?no such module '", "module"),
        form(r"can't find crate for", "crate"),
    ),
    printed(
        DEPENDENCY,
        "missing_export",
        "rollup, vite, esbuild and webpack, a name that a module does not export",
        "is not exported by",
        "no matching export",
        form(r"missing_?export", "missing", "missingexport"),
        form(r"\bexport (?:named )?['\"][^'\"\n]{1,80}['\"][^\n]{0,60}\bnot found in", "export"),
    ),
)

TYPE_ERRORS: Final[tuple[Entry, ...]] = (
    entry(
        VALIDATION,
        "type_checker",
        "tsc, mypy, next build and vue-tsc",
        form(r"\berror ts\d{4,5}\b", "ts"),
        form(r"(?:^|\n)[\w./-]{1,120}\.pyi?:\d+: error: ", "py", "pyi"),
        "is not assignable to (type|parameter of type) '",
        form(
            r"\btype error: (?:type|property|cannot find name|argument|object|expected|no overload|this)\b",
            "type",
        ),
        form(r"property '[^'\n]{1,60}' does not exist on type '", "property"),
    ),
    printed(
        VALIDATION,
        "errors_found",
        "checkers that count what they found",
        form(r"\d+ problems? \(\d+ errors?", "problem", "problems"),
        form(r"(?:^|\n)found \d+ errors?\b", "found"),
    ),
    entry(
        TIMEOUT,
        "test_timeout",
        "Jest, Mocha, Vitest and Playwright, a test that ran out of time",
        form(r"exceeded timeout of \d{1,8} ?ms for a (?:test|hook)", "timeout"),
        form(r"timeout (?:of )?\d+ ?m?s exceeded(?:$|[.\n'\",)])", "timeout"),
        form(r"test timed out in \d", "timed"),
        form(r"test timeout of \d", "timeout"),
        "failed: timeout >",
    ),
    printed(
        VALIDATION,
        "failed_tests",
        "pytest, unittest, Jest, Mocha and Vitest",
        form(r"\b\d+ failed\b.{0,40}(?:passed|in [\d.]+ ?s)", "failed"),
        form(r"tests?:? +\d+ failed", "failed"),
        form(r"test suites?: \d+ failed", "failed"),
        form(r"\d+ failing\b", "failing"),
        form(r"failed \((?:failures|errors)=\d", "failed"),
        form(
            r"\bno tests? (?:files? )?(?:ran|found|were|to run|collected|executed)\b",
            "tests",
            "test",
        ),
    ),
)

LOCATED: Final[tuple[Entry, ...]] = (
    printed(
        VALIDATION,
        "diagnostic",
        "compilers that name a place in a file: gcc, go, rustc, swc, Sass, Vue, Svelte, esbuild and Maven",
        form(rf"{_PLACE}:? *-? *(?:fatal )?error\b", "error"),
        form(rf"{_PLACE.replace('[a-z]{1,8}', 'go')}: ", "go"),
        form(r"(?:-->|╭─\[|┌─|,-\[) ?[\w@./\\-]{1,200}:\d+:\d+"),
        form(r"\.(?:svelte|vue|astro|mdx?|[cm]?[tj]sx?|css|html) ?\(\d+:\d+\):? "),
        form(r"\[error\] [^\n]{1,300}\n\n +[\w@./\\-]{1,200}:\d+:\d+:", "error"),
        form(r"\be: [^\n]{1,200}\.kts?:\d+:\d+", "kt", "kts"),
        form(r"\n +╷\n *\d+ │"),
        form(r"(?:@|\bon) line \d+, column \d+", "line column"),
        form(r"(?:^|\n)found \d+ (?:\w+ )?(?:problems?|issues?|warnings?)", "found"),
        form(
            r"✘ \[error\] (?!\[plugin|listen |[^\n]{0,200}\b(?:permission denied|access is denied)\b)",
            "error",
        ),
        form(r"\[@?vue/compiler-\w{2,10}\] ", "vue"),
    ),
)
