"""Rules over what package managers, compilers, bundlers and interpreters print.

Read in order: what a tool says for certain (the machine gave out, a file does not
parse) before what follows from it, and a missing package before the type errors it
causes. Type errors and lint rules are ``validation_error``: the code parses but is
refused. A missing script or an invalid configuration is the same.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.verdict import DEPENDENCY, MACHINE, SYNTAX, VALIDATION
from genmon_otel.classification.wording import Wording, wording

TOOL_RULES: Final[tuple[Wording, ...]] = (
    wording(
        MACHINE,
        "machine exhausted",
        "no space left|disk is full|disk full|enospc|disk quota|out of memory|heap limit|oomkilled"
        "|sigkill|signal 9|exit code 137|exit status 137|cannot allocate memory|memory limit exceeded",
        r"no space left on device|disk (?:is )?full|\benospc\b|disk quota exceeded"
        r"|(?:heap|cuda|gpu|javascript heap|ran|java heap|process) ?(?:is |was |has )?out of memory"
        r"|out of memory|heap limit|oomkilled"
        r"|(?:signal|killed by|with) (?:9\b|\(?sigkill)|\bsignal 9|sigkill"
        r"|exit (?:code|status) 137|cannot allocate memory|memory limit exceeded",
    ),
    # --- what does not parse
    wording(
        SYNTAX,
        "npm package file",
        "ejsonparse|toml parse error|tomldecodeerror|json_parse|err_pnpm_json",
        r"ejsonparse|toml parse error|tomldecodeerror|err_pnpm_json_parse",
    ),
    wording(
        SYNTAX,
        "tsc syntax",
        "ts1|ts17|ts18026|ts5",
        r"\bts(?:1(?:00[1-9]|01\d|0[2-9]\d|1(?:0[0-9]|1[0-9]|2[0-8]|3[0-9]|4[0-1]|[5-8]\d|9[3-9])|20\d"
        r"|3(?:0\d|1\d|3[0-9]|5[0-9]|8[0-2])|4(?:3\d|4[0-1]))|1700[2-9]|1701[0-5])\b",
    ),
    wording(
        SYNTAX,
        "syntax error",
        "syntaxerror|syntax error|parsing error|parse error|parse failed|transform failed"
        "|indentationerror|taberror|parse5|rolluperror|parse_error|cannot parse|failed to parse|invalid-syntax",
        r"(?<!\w)(?:css|template|graphql|uncaught |sass)? ?syntaxerror\b(?!\w)|\bsyntax ?error\b"
        r"|\bcsssyntaxerror\b|\[?parse_error\]?|parsing error:|indentationerror:|taberror:"
        r"|module parse failed|unable to parse html|invalid-syntax|cannot parse"
        r"|rolluperror: .{0,120}(?:expected|unexpected|unterminated|parse)"
        r"|(?:parse|parser) error|failed to parse (?!image|url|version|requirement)",
    ),
    wording(
        SYNTAX,
        "bundler syntax",
        "expected|unterminated|unexpected|unclosed|closing|adjacent jsx|already been declared"
        "|is not valid json|end tag|invalid character",
        r"(?:error\]?:?|×|✘) .{0,80}\bexpected (?!version).{1,60} (?:but found|got|instead)"
        r"|(?:error|\d\)?)[\]:]{0,2}:? {0,3}(?:unexpected (?:token|end|closing|character|eof|\"|'|`|\w+ token)"
        r"|expected (?:`|\"|'|;|unicode|identifier|expression|jsx)|unterminated |unclosed )"
        r"|the character \".{1,4}\" is not valid|unexpected closing .{0,40} tag"
        r"|adjacent jsx elements|has already been declared|missing end tag|invalid end tag"
        r"|unterminated (?:string|regexp|regular|template|jsx|comment|regex)|unclosed (?:tag|block|bracket|string)"
        r"|is not valid json|expected corresponding (?:jsx )?closing tag|jsx element .{0,40} has no corresponding",
    ),
    # --- what is missing or does not go together
    wording(
        VALIDATION,
        "missing script",
        "missing script|no_script|couldn't find a script|error command",
        r"error command \"[\w:-]{1,40}\" not found|missing script:?|err_pnpm_no_script\b|couldn't find a script named",
    ),
    wording(
        DEPENDENCY,
        "npm",
        "npm err|eresolve|etarget|enotcached|npm error",
        r"npm err(?:!|or) (?:code |errno )?(?:e(?!lifecycle)[a-z]{3,}\d*|404|notarget)\b|npm err(?:!|or) code \d+\b"
        r"|\beresolve\b|\betarget\b|npm err(?:!|or) [^\n]{0,80}(?:could not resolve|404|peer dep|network|registry)",
    ),
    wording(
        DEPENDENCY,
        "pnpm, yarn, bun",
        "err_pnpm_|yn00|yarnpkg|couldn't find package|in your lockfile|lockfile|bun install"
        "|couldn't find any versions|incompatible module|unmet peer|package.json|peer dep|unexpected error occurred|incompatible with this module",
        r"err_pnpm_[a-z_]{3,}|\byn00(?:0[1-9]|[1-4]\d|5[1-9]|6\d|7[0-9]|8\d)\b"
        r"|couldn't find (?:package|any versions|a package\.json)|incompatible module|incompatible with this module"
        r"|error an unexpected error occurred: \".{0,120}(?:not found|econn|enotfound|etimedout|request failed)"
        r"|(?:present in|needs to be updated|would have been modified|out of sync).{0,40}lockfile"
        r"|lockfile (?:needs to be updated|is not up.to.date|would have been|had changes)"
        r"|lockfile\b.{0,60}(?:frozen|outdated|out of date)|unmet peer|peer dep(?:endency|endencies)? (?:conflict|mismatch|missing)"
        r"|conflicting peer dep|no package\.json|failed to resolve dependency tree",
    ),
    wording(
        DEPENDENCY,
        "pip, uv, poetry",
        "no matching distribution|could not find a version|resolutionimpossible|no solution found"
        "|failed building wheel|could not build wheels|externally-managed|invalid requirement|requirement"
        "|version solving|do not match the hashes|subprocess-exited|metadata-generation|conflicting dependencies"
        "|distributionnotfound|requires a different python|not in '|pip install|package index|failed to fetch"
        "|distribution|package registry|cache and you requested|versionconflict|build-backend|setup.py",
        r"no matching distribution|could not find a version that|resolutionimpossible|no solution found"
        r"|failed (?:building|to build) (?:wheel|installable|`)|could not build wheels|externally-managed-environment"
        r"|invalid requirement|(?:parse|open) requirements? |version solving failed"
        r"|do not match the hashes|subprocess-exited-with-error|metadata-generation-failed"
        r"|conflicting dependencies|distributionnotfound|versionconflict"
        r"|requires a different python|not found in the (?:package )?(?:registry|index)"
        r"|failed to (?:fetch|download|build)(?: `|: |:)[^\n]{0,100}(?:simple|whl|index|==|files)"
        r"|failed to download distribution|couldn't parse requirement",
    ),
    wording(
        DEPENDENCY,
        "module not found",
        "no module named|find module|find package|module not found|module_not_found|resolve|importerror|modulenotfound"
        "|cannot import name|ts2307|ts7016|ts2792|ts2688|ts2732|ts2875|ts6053|preset|load config|no such file"
        "|find plugin|failed to load plugin|shared object|entry module|find stylesheet|type definition file|declaration file|packagenotfound",
        r"no module named|(?:cannot|can't|could not|couldn't|unable to) find (?:the )?(?:module|package|plugin|preset|loader"
        r"|a declaration file for module)\b"
        r"|module not found|modulenotfounderror|module_not_found|packagenotfounderror"
        r"|(?:cannot|can't|could not|couldn't|failed to|unable to) resolve (?:import|entry|module|dependenc|package|loader|plugin|extends"
        r"|\"|'|`|@|\.{0,2}/)"
        r"|failed to resolve (?:import|dependenc)|unresolved import|cannot import name|\bimporterror:"
        r"|\bts(?:2307|7016|2792|2688|2732|2875|6053)\b|can't find stylesheet to import"
        r"|cannot find type definition file|could not find a declaration file"
        r"|failed to load (?:plugin|config|parser|preset|postcss config)[^\n]{0,160}(?:declared|cannot find|extend|not found)"
        r"|cannot open shared object file|could not load (?:dynamic library|the .{1,40} module)"
        r"|no such file or directory: '(?:npm|npx|node|pnpm|yarn|bun|deno|pip|uv|tsc|git|python3?|vite|cargo|go)'",
    ),
    wording(
        DEPENDENCY,
        "command not found",
        "not found|is not recognized|npm install|install",
        r"(?:sh|bash|zsh)(?:: line)?:? ?\d*:? [\w@./-]{1,60}: (?:command )?not found|: command not found"
        r"|is not recognized as an internal or external command"
        r"|(?:npm|pnpm|yarn|pip|pip3|uv|poetry|bun)(?: pip)? (?:ci|install|i|add|sync|lock|resolve)\b.{0,40}"
        r"(?:fail|error|exit|non-zero|returned|crash|could not|unable)"
        r"|(?:dependenc(?:y|ies)|packages?) install(?:ation)? (?:failed|error)"
        r"|(?:failed to|could not|error|unable to) install(?:ing)? (?:npm |python |node |the |required |project )?(?:dependenc|packages?|requirement|modules?|`|'|\")"
        r"|(?:unresolved|missing|unmet|incompatible|conflicting|circular) (?:npm |python |peer |package )?dependenc"
        r"|dependenc(?:y|ies) (?:conflict|resolution|not found|missing|error|could not|is missing|are missing|not installed)",
    ),
    # --- what is refused though it parses
    wording(
        VALIDATION,
        "type error of a checker",
        "error ts| ts2| ts7|ts2|error:",
        r"\berror ts\d{4,5}\b|\bts(?:2|7|18|4)\d{3}\b|(?:^|\n)[\w./-]{1,120}\.pyi?:\d+: error: ",
    ),
    wording(
        VALIDATION,
        "lint",
        "problem|no-unused|no-undef|\"ruleid\"|found ",
        r"✖ \d+ problems?|\d+ problems? \(\d+ errors?|\"ruleid\": ?\"|(?:^|\n)found \d+ errors?\b",
    ),
    wording(
        VALIDATION,
        "failed tests",
        "failed",
        r"\b\d+ failed\b.{0,40}(?:passed|in [\d.]+ ?s)|tests?:? +\d+ failed|test suites?: \d+ failed"
        r"|\d+ (?:passing|failing)\b|failed \((?:failures|errors)=\d",
    ),
    wording(
        VALIDATION,
        "configuration or export",
        "invalid configuration object|is not exported|no matching export|missing export|missing_export|validationerror",
        r"invalid configuration object|is not exported by|no matching export|missing_?export|\bvalidationerror\b",
    ),
)
