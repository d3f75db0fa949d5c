"""Phrases of parsers, validators and import systems in messages.

What does not parse is ``syntax_error``; what parses but breaks a schema is
``validation_error``; what cannot be imported is ``dependency_error``.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import Entry, entry, form, printed
from genmon_otel.classification.verdict import DEPENDENCY, SYNTAX, VALIDATION

PARSERS: Final[tuple[Entry, ...]] = (
    entry(
        SYNTAX,
        "pydantic.json_invalid",
        "pydantic 2, a text that is not JSON",
        "type=json_invalid",
    ),
    entry(
        SYNTAX,
        "langchain.json",
        "LangChain's parsers of JSON, an answer that is none",
        form(
            r"\binvalid json output: [\s\S]{0,400}\boutput_parsing_failure\b", "json output parsing"
        ),
    ),
    entry(
        SYNTAX,
        "python.json",
        "Python's json: JSONDecodeError",
        form(
            r"\b(?:expecting (?:value|property name enclosed in double quotes|'.' delimiter)|extra data|unterminated string starting at|invalid control character at|invalid \\+\w*(?: escape)?|illegal trailing comma[^\n]{0,40}): line \d+ column \d+ \(char \d+\)",
            "char",
        ),
    ),
    entry(
        SYNTAX,
        "v8.json",
        "JSON.parse in V8 and Firefox",
        "unexpected end of json input",
        "unexpected non-whitespace character after json",
        "json.parse: …of the json data",
        form(r"\bunexpected token [^\n]{1,80}\bin json at position \d", "json"),
        form(r"\bin json at position \d+", "position"),
        form(r"\bunexpected token [^\n]{1,160} is not valid json\b", "json"),
    ),
    entry(
        SYNTAX,
        "serde.json",
        "serde_json, orjson, jiter and pnpm 12",
        form(
            r"\b(?:eof|expected|invalid|trailing|key must|control character|lone|unexpected|duplicate|recursion)[^\n]{0,60} (?:at|:) line \d+ column \d+",
            "line column",
        ),
    ),
    entry(
        SYNTAX,
        "yaml",
        "PyYAML, ruamel and js-yaml",
        "mapping values are not allowed",
        "could not find expected ':'",
        "found character '…' that cannot start any token",
        "expected <block end>, but found",
        "while parsing a (block|flow) (mapping|sequence|collection|node)",
        "while scanning (a|an|for|the) (simple|quoted|block|plain|next|anchor|alias|directive)",
        "yamlexception:",
        form(
            r"\b(?:bad indentation|duplicated mapping key|unexpected end of the stream within|missed comma between flow)[^\n]{0,80}\(\d+:\d+\)",
            "indentation",
            "duplicated",
            "stream",
            "missed",
        ),
    ),
    entry(
        SYNTAX,
        "toml_xml",
        "tomllib, toml, xml.etree, lxml and expat",
        form(
            r"\b(?:expected|invalid|unescaped|unclosed|cannot)\b[^\n]{1,60} \(at (?:line \d+, column \d+|end of document)\)",
            "at",
        ),
        "tomldecodeerror",
        "not well-formed (invalid token)",
        form(
            r"\b(?:mismatched tag|no element found|junk after document element|unclosed token): line \d+, column \d+",
            "line column",
        ),
        "opening and ending tag mismatch",
        "start tag expected, '<' not found",
    ),
    entry(
        SYNTAX,
        "python.syntax",
        "Python's compiler and ast",
        form(r"\((?:<\w{1,20}>|[\w./-]{1,120}\.py), line \d+\)", "line"),
        form(
            r"(?:^|[\s:])(?:syntaxerror|indentationerror|taberror): ",
            "syntaxerror",
            "indentationerror",
            "taberror",
        ),
        "unterminated (triple-quoted |f-|)string literal (detected at line #)",
        "' was never closed (",
        "eol while scanning string literal",
        "inconsistent use of tabs and spaces in indentation",
        "malformed node or string",
        "unindent does not match any outer indentation level",
        "expected an indented block after",
    ),
    entry(
        SYNTAX,
        "v8.syntax",
        "JavaScript's SyntaxError in V8 and Babel",
        "syntaxerror: (unexpected|missing|invalid|identifier|unterminated|cannot|illegal|await|the)",
        "uncaught syntaxerror",
        "adjacent jsx elements must be wrapped",
        "unterminated string constant. (#:#)",
        form(r"\bunexpected token(?:, expected [^\n]{1,40}|[^\n]{0,20}) \(\d+:\d+\)", "token"),
        form(
            r"(?:missing semicolon\.|has already been declared\.|'return' outside of function\.|unterminated \w+(?: \w+)?\.|invalid left-hand side[^\n]{0,40}) \(\d+:\d+\)",
            "semicolon",
            "declared",
            "function",
            "unterminated",
            "side",
        ),
        "missing ) after argument list",
        "maybe you meant '==' …instead of '='",
    ),
    entry(
        VALIDATION,
        "pydantic",
        "pydantic",
        form(r"\b\d+ validation errors? for \w", "validation"),
        form(r"\[type=(?!json_invalid)[a-z_]{3,40}, input_value=", "type"),
        "[type=value_error",
        form(r"\binput should be (?:a valid|less|greater|'|a )", "input"),
    ),
    entry(
        VALIDATION,
        "jsonschema",
        "jsonschema, fastjsonschema, ajv and marshmallow",
        form(r"'[^'\n]{1,80}' is a required property(?:$|[\n,;:.)'\"\]])", "required"),
        form(r"\bfailed validating '\w+' in schema\b", "validating"),
        form(r" is not of type '(?:string|number|integer|boolean|array|object|null)'", "type"),
        form(r"\badditional properties are not allowed \('", "additional"),
        "must have required property '",
        "must not have additional properties",
        "is not valid under any of the given schemas",
        "missing data for required field.'",
    ),
    entry(
        VALIDATION,
        "zod",
        "zod",
        "zoderror",
        form(
            r"'code': ?'(?:invalid_type|unrecognized_keys|invalid_enum_value|invalid_union|too_small|too_big|invalid_string)'",
            "invalid",
            "unrecognized",
            "small",
            "too",
        ),
        form(r"\bexpected (?:string|number|object|array|boolean), received \w", "received"),
    ),
    entry(
        DEPENDENCY,
        "python.import",
        "Python's import system and importlib.metadata",
        form(
            r"(?:^|: |\n|\()no module named ['\"][a-z_][\w.]{0,80}['\"](?:$|[\n;)'\",.:])|python[\d.]*(?:\.exe)?: no module named [\w.]",
            "named",
        ),
        form(r"\bcannot import name '[\w.]{1,80}'(?: from |$|\n| \()", "cannot import name"),
        "no package metadata was found for",
        "modulenotfounderror: ",
        "importerror: ",
        "distributionnotfound: ",
        "packagenotfounderror: ",
        "cannot open shared object file",
        "could not load the … module",
    ),
    entry(
        DEPENDENCY,
        "node.import",
        "Node's module loader",
        form(r"\bcannot find (?:module|package) ['\"`]", "find"),
        "err_module_not_found",
        "err_package_path_not_exported",
        "package subpath '…' is not defined by",
        "err_require_esm",
        "err_dlopen_failed",
        "err_unknown_builtin_module",
        "no such built-in module",
        "err_package_import_not_defined",
        "package import specifier '…' is not defined",
        "err_unsupported_dir_import",
        "the requested module '…' does not provide an export named",
    ),
    printed(
        VALIDATION,
        "python.validation",
        "a traceback that ends with a ValidationError",
        form(r"(?:^|\n)(?:\w+\.)*validationerror\b", "validationerror"),
    ),
)
