"""Rules over what other toolchains print: the JVM's, Dart's, Terraform's, Elm's, LaTeX's, template engines, auditors.

Each expression is a form: how one kind of tool lays out one kind of finding. A form says
more than its words: ``A.java:[3,32] package x does not exist`` under ``Compilation
failure`` is a missing package, no broken syntax. Of one tool's forms what is missing goes
first, then what does not parse; whatever else the form reports was refused.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.verdict import DEPENDENCY, SYNTAX, VALIDATION
from genmon_otel.classification.wording import Wording, wording

#: ``A.java:[9,30]``, ``A.java:9: error:``; kotlinc's ``e: file:///A.kt:9:30``; Dart's, Zig's and Swift's places.
_MAVEN: Final = r"\.(?:java|kt|scala|groovy):\[\d{1,6},\d{1,6}\] (?:error: )?"
_KOTLIN: Final = r"\be: [^\n]{1,200}\.kts?:\d+:\d+:? "
_DART: Final = r"\.dart:\d+:\d+:\s{1,3}error: "
_TERRAFORM: Final = r"\bon [\w./-]{1,120}\.tf(?:vars)? line \d+"

TOOLCHAIN_RULES: Final[tuple[Wording, ...]] = (
    wording(
        DEPENDENCY,
        "toolchain's missing piece",
        rf"{_MAVEN}package [\w.]{{1,120}} does not exist",
        rf"{_DART}(?:not found: |error when reading |couldn't resolve the package)",
        r"\buri_does_not_exist\b",
        r"-- (?:module not found|unknown import|import error|missing module|unknown package)[a-z ]{0,20} -{4}",
        r"\blatex error: file [`'][^\n'`]{1,120}' not found",
        # terraform, pods, formulas, channels
        r"failed to (?:query available|install) provider|could not retrieve the list of available versions|\bmodule not installed\b",
        r"could not find compatible versions for|unable to find a specification for",
        r"\bno available (?:formula|cask|package|version|release)\w*\b|\bno formulae\b",
        r"\bplugin \[?(?:id: )?['\"`][\w.@/-]{1,80}['\"`][^\n]{0,60}? (?:was |is )?not found\b",
        r"resolvepackagenotfound|packagesnotfounderror|could not solve for environment",
        r"\bsdk (?:location |root |path )?(?:was |is )?not found\b|\bno version of ndk\b|\bndk (?:is |was )?not (?:found|configured)",
        r"\binstall @?[\w@/-]{1,60} to handle \.\w{2,8} files\b",
        # a lockfile that lags behind, whatever its name
        r"\b(?:lock ?file|[\w-]{2,20}\.lockb?)\b[^\n]{0,40}\b(?:out[ -]of[ -]date|not up[ -]to[ -]date|outdated|out of sync)\b",
        r"\b(?:not present in|missing from|absent from) the lock ?file\b",
        # knip, depcheck: Unlisted dependencies (1)
        r"\b(?:unlisted|unused|undeclared|phantom|extraneous) (?:dev ?|peer ?)?dependenc(?:y|ies)\b",
        # what a configuration names and nobody installed
        r"\b(?:test environment|preset|transform(?:er)?|reporter|test runner|resolver|builder|adapter|generator|formatter|template engine) ['\"`]?[\w@/.:-]{1,80}['\"`]? (?:cannot|could not|can't|couldn't) be (?:found|resolved|loaded|imported)",
        r"(?:could not|couldn't|cannot|can't|failed to|unable to) (?:find|load|import|resolve|instantiate) (?:the )?(?:following )?['\"`]?[\w@/.:-]{0,80}['\"`]?(?:'s)? ?(?:builder|preset|extension|adapter|reporter|transformer|renderer|addon|add-on|template engine)(?:'s)?\b",
        r"\b(?:package|plugin|preset|addon|module|extension) (?:manifest )?(?:for )?['\"`][\w@/.:-]{1,80}['\"`] failed to load\b",
        # files that are named and not there
        r"(?:cannot|can't|could not|couldn't|unable to|failed to) (?:find|locate|load) (?:the )?(?:source|header|include|imported|@import|asset|partial|layout|stylesheet) ?files?\b",
        r"\bno (?:file|files|file or variants|matching files?) (?:or variants )?found for (?:asset|input|import|pattern|glob)",
        r"lld: error: unable to find library|\blibrary not found for -l",
        r"could not find a package configuration file",
        r"\bimport cycle not allowed\b|use of internal package\b",
        # Node.js v20.20.2 is not supported by Astro; go.mod requires go >= 1.99; current Dart SDK version
        r"\b(?:node(?:\.?js)?|python|go|java|jdk|ruby|php|deno|bun|dart|flutter|rust|xcode|gradle|npm|pnpm|yarn) (?:[<>=^~]{1,2} ?)?v?\d[\w.]{0,20} (?:is|was) (?:not supported|unsupported|too (?:old|new|low)|end[ -]of[ -]life|incompatible|outdated)\b",
        r"\brequires? (?:a newer |at least )?(?:go|rust|rustc|deno|bun|dart|flutter|gradle|sdk|xcode|kotlin|swift) (?:version )?(?:sdk )?(?:version )?[<>=^~]{1,2} ?v?\d",
        r"(?:^|\n|: )[\w.+-]{2,30} not found\. (?:please|install|you need|is it)|\bnot found\. please select a different\b",
    ),
    wording(
        SYNTAX,
        "toolchain's syntax",
        rf"{_MAVEN}(?:'[^'\n]{{1,4}}' (?:or '[^'\n]{{1,4}}' )?expected|<identifier> expected|reached end of|illegal (?:start|character)|unclosed|not a statement|class, interface|orphaned|'\w{{2,10}}' without)",
        rf"{_DART}(?:expected |unexpected |can't find '|unterminated|string starting with|variables must be declared|a (?:function|class|method) (?:body|declaration))",
        r"\b(?:error|warning) • [^\n]{1,300} • (?:expected_(?:token|identifier\w*|executable|string\w*|type\w*|class\w*)|missing_(?:identifier|function_\w+|statement|const\w*)|unexpected_token|unterminated_\w+)\b",
        r"-- (?:unfinished|unexpected|expecting|syntax|weird|stray|unclosed|endless|missing (?:expression|arrow|equals|brace|bracket|paren\w*)|no tabs|parse|indentation|extra (?:comma|paren)|reserved word)[a-z ]{0,30} -{4}",
        r"\b(?:unclosed configuration block|invalid block definition|argument or block definition required|missing newline after argument|invalid expression|missing attribute separator|unterminated template string|invalid multi-line string)\n",
        # LaTeX: ! Undefined control sequence.
        r"(?:^|\n)! (?:undefined control|missing [^\n]{1,8} inserted|runaway|extra [^\n]{1,12},|emergency stop|paragraph ended|misplaced|too many \}|argument of [^\n]{1,40} has an extra|file ended while|latex error: (?:\\begin|environment [^\n]{1,40} undefined|bad math|there's no line))",
        r"==> fatal error occurred, no output pdf",
        # Groovy's build scripts, template engines
        r"\b(?:build|settings|script) file '[^'\n]{1,200}': \d+: (?:unexpected|expecting|unable to resolve class)",
        r"\bunknown (?:block |template )?tag: ?['\"`]?\w|\btag ['\"`]?\w{1,40}['\"`]? (?:not found|was never closed|is not closed|never closed)\b",
        r"\b\w{1,40} doesn't match \w{1,40} - \d+:\d+",
        r"\b(?:inconsistent|invalid|unexpected|bad|broken|mixed) indentation\b",
        r"\bunrecogni[sz]ed input\b|possibly missing (?:something|opening|closing)\b",
        r"\bcould(?: not|n't) parse (?:expression|statement|import|export|tag|attribute|selector|the following|block)\b",
    ),
    wording(
        VALIDATION,
        "toolchain's refusal",
        rf"{_MAVEN}",
        rf"{_KOTLIN}(?:unresolved reference|type mismatch|none of the|overload|cannot|val cannot|return type|no value passed|too many|argument type|assignment type|'[^'\n]{{1,60}}' (?:is|has|overrides|must))",
        rf"{_DART}",
        r"\b(?:error|warning|info) • [^\n]{1,300} • [a-z]\w{3,60}(?:\n|$)",
        r"(?:: |\n)error: (?:expected type|incompatible types?|type mismatch|use of undeclared|no member named|cannot convert|value of type)\b",
        _TERRAFORM,
        r"-- (?:type mismatch|naming error|missing patterns|too (?:many|few) args|redundant pattern|ambiguous name|missing field|bad main type|infinite type)[a-z ]{0,20} -{4}",
        # GraphQL against its schema
        r"cannot query field ['\"`]\w|\bunknown (?:type|argument|directive|fragment|operation) ['\"`]\w{1,60}['\"`]|\bfield ['\"`]\w{1,60}['\"`] (?:of type|argument)\b",
        # budgets: bundles, pages, images
        r"exceeded maximum budget|\bbudget \d[\d.]{0,10} ?[kmg]?i?b\b (?:was )?not (?:been )?met",
        # linters: a.js:2:7: Expected ... (eqeqeq); ✖ 2:7 ... eqeqeq; Line 4:10: ... no-unused-vars; a.rb:3:7: C: ...
        r"\.(?:[cm]?[jt]sx?|vue|svelte|rb|php|css|md):\d+:\d+: [^\n]{1,200} \([\w@/-]{3,60}\)(?: \(\w{4,7}\))?(?:\n|$)",
        r"\n {1,4}[✖✘⚠×] {1,3}\d+:\d+ +[^\n]{1,200} {2,}[\w@/-]{3,60}(?:\n|$)",
        r"\n {0,6}line \d+:\d+: {1,4}[^\n]{1,200} {2,}[\w@/-]{3,60}(?:\n|$)",
        r"(?:^|\n) {0,8}\d+:\d+ +(?:error|warning): [^\n]{1,200} {2,}[\w@/-]{3,60}(?:\n|$)",
        r"\[error\] {1,4}found \d+ errors?\b",
        r"\.(?:rb|rake|gemspec):\d+:\d+: [cwre]: ",
        r"\b\d+ (?:offenses?|violations?) (?:detected|found)\b",
        # auditors of pages
        r"\bfailure for \w{3,40} assertion\b|\bassertion failed\. exiting\b",
        r"\bwcag2a{1,3}\b",
        # snapshots, coverage, sizes
        r"\bsnapshots?\b[^\n]{0,80}\b(?:mismatch\w*|obsolete|failed)\b",
        r"\bcoverage (?:threshold|for \w+)[^\n]{0,60}\b(?:not met|does not meet|below)\b",
        r"\b(?:exceeded|exceeds|over) the size limit\b|\bsize limit of \d",
        r"\bclass does not exist\b",
        r"\bno rules (?:found|configured|defined)\b",
        r"\bunknown (?:utility|css|tailwind) class\b|\bcannot apply unknown\b",
        r"\bunknown (?:lifecycle phase|task|goal|target|rule) ['\"`]",
        r"\bunrecogni[sz]ed (?:theme|plugin|extension|preset|layout|parser) name\b|\baborted with \d+ configuration errors?\b",
    ),
)
