"""Forms of reports: how one kind of tool lays out one kind of finding.

A form says more than its words: ``1:5  error  Unexpected 'debugger'  no-debugger`` is a lint
rule, ``error[E0308]: expected u32, found &str`` a type error, though both speak as parsers do.
Of one tool's forms what is missing goes first, then what does not parse.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import Entry, entry, form, printed
from genmon_otel.classification.verdict import DEPENDENCY, SYNTAX, VALIDATION

#: ``A.java:[9,30]``, ``A.java:9: error:``; kotlinc's ``e: file:///A.kt:9:30``; Dart's, Zig's and Swift's places.
_MAVEN: Final = r"\.(?:java|kt|scala|groovy):\[\d{1,6},\d{1,6}\] (?:error: )?"
_KOTLIN: Final = r"\be: [^\n]{1,200}\.kts?:\d+:\d+:? "
_DART: Final = r"\.dart:\d+:\d+:\s{1,3}error: "
#: What typescript-eslint calls a parsing error, too: a file that its project leaves out.
_LEFT_OUT: Final = r"[^\n]{0,300}(?:project service|parseroptions|tsconfig)"

TOOLCHAINS: Final[tuple[Entry, ...]] = (
    entry(
        SYNTAX,
        "linter_parser",
        "ESLint, PostCSS, Biome, Ruff and Stylelint, a file that does not parse",
        form(rf"\d+:\d+ +error +parsing error: (?!{_LEFT_OUT})", "parsing"),
        form(
            r"\bparsing error: (?:unexpected|unterminated|missing|identifier|expected|declaration|expression|'|the keyword|invalid|adjacent|jsx|unclosed|property)",
            "parsing",
        ),
        "csssyntaxerror",
        form(r"\(syntax-error\)|\binvalid-syntax\b", "syntax"),
        form(r":\d+:\d+ parse ━", "parse"),
    ),
    entry(
        DEPENDENCY,
        "toolchain.missing",
        "Maven, Dart, Elm, LaTeX, pandoc and CMake, what is not there",
        form(rf"{_MAVEN}package [\w.]{{1,120}} does not exist", "package"),
        form(rf"{_DART}(?:not found: |error when reading |couldn't resolve the package)", "dart"),
        "uri_does_not_exist",
        form(
            r"-- (?:module not found|unknown import|import error|missing module|unknown package)[a-z ]{0,20} -{4}",
            "module",
            "import",
            "package",
        ),
        form(r"\blatex error: file [`'][^\n'`]{1,120}' not found", "latex"),
        form(r"\binstall @?[\w@/-]{1,60} to handle \.\w{2,8} files\b", "install"),
        "pdflatex not found. please select a different",
        "could not find a package configuration file provided by",
        "cannot find source file:",
        "lld: error: unable to find library",
        "library not found for -l",
    ),
    entry(
        SYNTAX,
        "toolchain.syntax",
        "Maven, Dart, Elm, Terraform, LaTeX, Gradle and template engines, what does not parse",
        form(
            rf"{_MAVEN}(?:'[^'\n]{{1,4}}' (?:or '[^'\n]{{1,4}}' )?expected|<identifier> expected|reached end of|illegal (?:start|character)|unclosed|not a statement|class, interface|orphaned|'\w{{2,10}}' without)",
            "java",
            "kt",
            "scala",
            "groovy",
        ),
        form(
            rf"{_DART}(?:expected |unexpected |can't find '|unterminated|string starting with|variables must be declared|a (?:function|class|method) (?:body|declaration))",
            "dart",
        ),
        form(
            r"• \S{1,200}:\d+:\d+ • (?:expected_(?:token|identifier\w*|executable|string\w*|type\w*|class\w*)|missing_(?:identifier|function_\w+|statement|const\w*)|unexpected_token|unterminated_\w+)\b"
        ),
        form(
            r"-- (?:unfinished|unexpected|expecting|syntax|weird|stray|unclosed|endless|missing (?:expression|arrow|equals|brace|bracket|paren\w*)|no tabs|parse|indentation|extra (?:comma|paren)|reserved word)[a-z ]{0,30} -{4}",
            "unfinished",
            "unexpected",
            "expecting",
            "syntax",
            "weird",
            "stray",
            "unclosed",
            "endless",
            "missing",
            "tabs",
            "parse",
            "indentation",
            "extra",
            "reserved",
        ),
        form(
            r"\b(?:unclosed configuration block|invalid block definition|argument or block definition required|missing newline after argument|invalid expression|missing attribute separator|unterminated template string|invalid multi-line string)\n",
            "configuration block",
            "block definition",
            "newline argument",
            "invalid expression",
            "attribute separator",
            "template string",
            "invalid string",
        ),
        form(
            r"(?:^|\n)! (?:undefined control|missing [^\n]{1,8} inserted|runaway|extra [^\n]{1,12},|emergency stop|paragraph ended|misplaced|too many \}|argument of [^\n]{1,40} has an extra|file ended while|latex error: (?:\\begin|environment [^\n]{1,40} undefined|bad math|there's no line))",
            "undefined control",
            "missing inserted",
            "runaway",
            "extra",
            "emergency stop",
            "paragraph ended",
            "misplaced",
            "too many",
            "argument extra",
            "file ended",
            "latex error",
        ),
        "fatal error occurred, no output pdf",
        form(
            r"\b(?:build|settings|script) file '[^'\n]{1,200}': \d+: (?:unexpected|expecting|unable to resolve class)",
            "file",
        ),
        form(r"\bunknown block tag: \w|\btag ['\"`]\w{1,40}['\"`] not found", "tag"),
        form(r"\b\w{1,40} doesn't match \w{1,40} - \d+:\d+", "match"),
        form(r"\binconsistent indentation\b[^\n]{0,40}tab", "indentation"),
        form(
            r"\b(?:inconsistent|invalid|unexpected|bad|broken|mixed) indentation\b\.?\n",
            "indentation",
        ),
        form(r"\bcould not parse (?:expression with|import/exports with) \w", "parse"),
    ),
    entry(
        VALIDATION,
        "toolchain.refused",
        "Maven, Kotlin, Dart, Zig, Terraform and Elm, what does not fit",
        form(_MAVEN, "java", "kt", "scala", "groovy"),
        form(
            rf"{_KOTLIN}(?:unresolved reference|type mismatch|none of the|overload|cannot|val cannot|return type|no value passed|too many|argument type|assignment type|'[^'\n]{{1,60}}' (?:is|has|overrides|must))",
            "kt",
            "kts",
        ),
        form(_DART, "dart"),
        form(r"• \S{1,200}:\d+:\d+ • [a-z]\w{3,60}(?:\n|$)"),
        form(
            r"(?::\d+: |\n)error: (?:expected type|incompatible types?|type mismatch|use of undeclared|no member named|cannot convert|value of type)\b",
            "error",
        ),
        form(r"\bon [\w./-]{1,120}\.tf(?:vars)? line \d+", "tf", "tfvars"),
        form(
            r"-- (?:type mismatch|naming error|missing patterns|too (?:many|few) args|redundant pattern|ambiguous name|missing field|bad main type|infinite type)[a-z ]{0,20} -{4}",
            "mismatch",
            "naming",
            "patterns",
            "args",
            "pattern",
            "ambiguous",
            "field",
            "main",
            "infinite",
        ),
    ),
    printed(
        VALIDATION,
        "graphql",
        "GraphQL, a query that the schema does not have",
        form(
            r"cannot query field ['\"`]\w|\bunknown (?:type|argument|directive|fragment) ['\"`]\w{1,60}['\"`]",
            "query",
            "unknown",
        ),
    ),
    printed(
        VALIDATION,
        "auditor",
        "Angular's budgets, Lighthouse, pa11y, wrangler, jest's coverage and snapshots, Tailwind, Maven, MkDocs",
        "exceeded maximum budget",
        form(r"\bfailure for \w{3,40} assertion\b", "assertion"),
        form(r"\bwcag2a{1,3}\b", "wcag"),
        form(
            r"\bsnapshots?\b[^\n]{0,80}\b(?:mismatch\w*|obsolete|failed)\b", "snapshot", "snapshots"
        ),
        form(
            r"\bcoverage (?:threshold|for \w+)[^\n]{0,60}\b(?:not met|does not meet|below)\b",
            "coverage",
        ),
        form(r"\b(?:exceeded|exceeds|over) the size limit\b|\bsize limit of \d", "limit"),
        "class does not exist",
        "cannot apply unknown utility class",
        form(r"\bunknown (?:lifecycle phase|task|goal|target|rule) ['\"`]", "unknown"),
        "unrecognised theme name",
        form(r"\baborted with \d+ configuration errors?\b", "aborted"),
    ),
)

REPORTS: Final[tuple[Entry, ...]] = (
    entry(
        DEPENDENCY,
        "compiler_code.missing",
        "rustc, csc, NuGet, pylint and pyright, codes of what is missing",
        form(r"error\[e0(?:432|433|455|460|461|463|514|583|786)\]", "error"),
        form(r"error (?:cs0(?:006|234|246)|nu1\d{3})\b", "error"),
        form(
            r"\((?:import-error|reportmissing(?:module)?(?:imports|source))\)",
            "import",
            "reportmissingimports",
            "reportmissingmodulesource",
        ),
        form(r"\berror ts(?:2307|7016|2792|2688|2732|2875|6053)\b|- error ts2307", "ts"),
    ),
    entry(
        SYNTAX,
        "compiler_code.syntax",
        "csc, kotlinc and tsc, codes of what does not parse",
        form(r"error cs1(?:0[0-4]\d|5[12]\d)\b", "cs"),
        form(r"\be: [^\n]{1,200}\.kts?:\d+:\d+:? expecting\b", "expecting"),
    ),
    entry(
        VALIDATION,
        "compiler_code",
        "rustc, csc, ESLint and mypy, codes of what is refused",
        form(r"error\[e0\d{3}\]", "error"),
        form(r"error cs\d{4}\b", "cs"),
        form(r"✖ \d+ problems? \(\d+ error", "problem", "problems"),
        form(r"(?:^|\n)error {2,}[^\n]{1,200} {2,}[\w@-]{2,60}/?[\w-]{0,40}(?:\n|$)", "error"),
    ),
    printed(
        VALIDATION,
        "linter_report",
        "rustc, csc, Biome, Deno, ESLint, oxlint, html-validate, yamllint, flake8, pylint, bandit, Ruff, PHPStan and RuboCop",
        form(r"(?:error|warning)\[[a-z]\w{0,20}(?:[/-][a-z]\w{0,30}){1,4}\]", "error", "warning"),
        form(r"(?:^|[\s'])lint/[a-z]\w{2,30}/[a-z]\w{2,40}", "lint"),
        form(r"[✖×x!⚠] [a-z]{2,20}(?:-[a-z]{2,20}){0,3}\([\w@/-]{2,60}\): "),
        form(
            r"\n +\d+:\d+ +(?:error|warning|✖) +[^\n]{1,200} (?: [\w@/-]{2,60}|\([\w@/-]{2,60}\))(?:\n|$)"
        ),
        form(r"(?:^|\n)error {2,}[^\n]{1,200} {2,}[\w@-]{2,60}/?[\w-]{0,40}(?:\n|$)", "error"),
        form(r"\^ [^\n]{1,200} \([a-z]{2,20}(?:-[a-z]{1,20}){1,5}\)"),
        form(r"\"[^\"\n]{1,200}\":\d+\.\d+-\d+\.\d+: error: ", "error"),
        form(r"\.py:\d+:\d+: (?!e999|e0001|e902|f7\d\d)[a-z]{1,4}\d{3,5}:? ", "py"),
        form(r">> issue: \[[a-z]\d{3}:", "issue"),
        form(
            r"\"(?:rule_?id|code)\": ?\"[a-z]{1,4}\d{3,4}\"(?!,\s{0,8}\"summary\")",
            "code",
            "rule",
            "ruleid",
        ),
        form(r"\"ruleid\": ?\"", "ruleid"),
        form(r"\[(?:error|warning)/[\w@/-]{2,60}\]", "error", "warning"),
        form(r"\n {4,12}ruleid: [a-z@][\w@/-]{1,60}(?:\n|$)", "ruleid"),
        form(r"\(\d{1,6},\d{1,4}\): (?:error|warning) [\w@/-]{3,60} : ", "error", "warning"),
        form(r": line \d{1,6}, col \d{1,4}, (?:error|warning) - ", "col"),
        form(
            r"<(?:issue|error|violation) (?:line|char)=\"\d[^>\n]{0,400}\([\w@/-]{3,60}\)\"",
            "issue",
            "error",
            "violation",
        ),
        form(
            r"\.(?:[cm]?[jt]sx?|vue|svelte|rb|php|css|md):\d+:\d+: [^\n]{1,200} \([\w@/-]{3,60}\)(?: \(\w{4,7}\))?(?:\n|$)"
        ),
        form(r"\n {1,4}[✖✘⚠×] {1,3}\d+:\d+ +[^\n]{1,200} {2,}[\w@/-]{3,60}(?:\n|$)"),
        form(r"\n {0,6}line \d+:\d+: {1,4}[^\n]{1,200} {2,}[\w@/-]{3,60}(?:\n|$)", "line"),
        form(
            r"(?:^|\n) {0,8}\d+:\d+ +(?:error|warning): [^\n]{1,200} {2,}[\w@/-]{3,60}(?:\n|$)",
            "error",
            "warning",
        ),
        form(r"\[error\] {1,4}found \d+ errors?\b", "found"),
        form(r"\.(?:rb|rake|gemspec):\d+:\d+: [cwre]: ", "rb", "rake", "gemspec"),
        form(r"\b\d+ (?:offenses?|violations?) (?:detected|found)\b", "detected", "found"),
        form(r"✖ \d+ problems?", "problem", "problems"),
    ),
    printed(
        VALIDATION,
        "tool_options",
        "Ruff, uv, ESLint, Babel, Rollup, esbuild, yarn, poetry, argparse and click, an option or a setting that they do not have",
        form(
            r"toml parse error at [\s\S]{0,240}?\b(?:unknown (?:field|variant)|missing field|invalid (?:type|value|length))\b",
            "toml",
        ),
        form(
            r"unknown (?:compiler|command[- ]line|cli|build|config(?:uration)?) (?:option|flag|field|setting)s?\b",
            "unknown",
        ),
        form(
            r"error\W{1,6}(?:unknown|unrecogni[sz]ed|unexpected|invalid) (?:option|flag|argument|field)s?\b",
            "option",
            "options",
            "flag",
            "argument",
            "arguments",
            "field",
            "fields",
        ),
        form(r"could not find \"[^\"\n]{1,80}\" in plugin", "plugin"),
        form(
            r"\bconfiguration (?:file |(?:for|in|of) [^\n]{1,120} )?(?:is|was) (?:invalid|not valid)",
            "configuration",
        ),
        form(
            r"\binvalid (?:\w+ ){0,2}['\"`][^\n'\"`]{1,80}['\"`] (?:in|for) (?:the )?(?:\w+ )?['\"`]",
            "invalid",
        ),
        "invalid choice: ",
        form(
            r"\b(?:no such|bad|unrecogni[sz]ed|unknown|unexpected) (?:\w+ )?(?:option|flag|argument|parameter)s?:? ['\"`]?--?[a-z]",
            "option",
            "options",
            "flag",
            "argument",
            "arguments",
            "parameter",
        ),
        "flag provided but not defined",
        form(
            r"\bconfig(?:uration)? object (?:is using|has|contains|specifies)\b[^\n]{0,120}\b(?:not supported|unknown|invalid|unexpected)\b",
            "object",
        ),
        form(
            r"\bunrecogni[sz]ed (?:or \w{1,20} )?(?:configuration|config) (?:settings?|options?|keys?|propert(?:y|ies))\b",
            "unrecognized",
            "unrecognised",
        ),
        "error workspaces can only be",
        form(
            r"\b(?:environment|config(?:uration)?|option|setting) key [\"'`][^\"'`\n]{1,60}[\"'`] is (?:unknown|invalid|not)",
            "key",
        ),
        form(
            r"\bkey \"[\w@/.:-]{1,60}\": (?:key|value|expected|unexpected|invalid|unknown)\b", "key"
        ),
        "invalid option: the '",
        "duplicate plugin/preset detected",
        form(r"\bconfig \([\w ./\\\"'-]{1,80}\): ", "config"),
        form(rf"parsing error: {_LEFT_OUT}", "parsing"),
        "invalid configuration object",
        form(
            r"\b(?:valid|possible|allowed|accepted) values (?:are|is|for)\b|\[possible values: ",
            "values",
        ),
        "no loader is configured for",
        form(r"\binvalid fields?\b[^\n]{0,40}; expected", "invalid"),
    ),
    printed(
        VALIDATION,
        "formatter",
        "Prettier, Ruff, Black, Deno, Biome and isort",
        form(r"code style issues?", "style"),
        form(r"would (?:be )?reformat(?:ted)?\b", "would"),
        form(r"(?:formatter|formatting) would have", "would"),
        form(r"\bnot (?:correctly |properly )?formatted\b", "formatted"),
        form(r"(?:incorrectly|not correctly|wrongly) (?:formatted|sorted)", "formatted", "sorted"),
        form(r"(?:^|\n|: )diff in /?[\w./\\-]{1,200}:\d+", "diff"),
    ),
)
