"""Values that are assigned to a sensitive name: ``name = value``, JSON, YAML, headers, shells."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.edits import Edit, closing, hidden, is_plain_word, span
from genmon_otel.redaction.hints import Name
from genmon_otel.redaction.placeholders import is_placeholder, leading
from genmon_otel.redaction.sensitive import is_sensitive
from genmon_otel.redaction.values import (
    is_dollar_word,
    is_evident_non_secret,
    is_random,
    is_sentence,
)

#: What a name is the kind of, and a name of somebody's behind it: Terraform.
_BLOCK_LEFT: Final = re.compile(r"\b(?:resource|data|ephemeral) \\*\"\Z")
#: Characters that rules look at before a name and behind it.
_BEFORE: Final = 400
_BEHIND: Final = 600
#: The same where a line's beginning is looked for.
_LINE_LEFT: Final = 240

_QUOTE: Final = r"\\*[\"'`]|[“”‘’„«»]"
#: After the name: closing quote or bracket, separator.
_SEPARATOR: Final = re.compile(
    rf"(?P<close>(?:(?:{_QUOTE})\]?|\[[0-9]{{1,4}}\]|\]|[*_]{{1,2}}|[)]{{0,2}}(?=\s{{0,4}}(?:\|\||\?\?|or\b))|))"
    r"(?P<about>(?: (?:for|of|von|für|de|pour|para|от|для|к) (?:'[^'\s]{1,60}'|[^\s:=]{1,60})(?=[ :]))?)"
    r"(?P<sep>\s{0,8}(?::=|=>|[=!]==?(?=\s{0,4}(?:[\"'`]|(?!(?i:sha|md|b64|base|utf|hex|hash|pass|pw|user))[A-Za-z]{3,}[0-9]+[A-Za-z][\w!@#$%^&*-]*(?:\s|\Z)))|[=＝](?!=)|[:：](?!:)(?:\*{1,2}|_{1,2})?|->|→|⇒|—|–|(?<=\s)-(?=\s)|(?:\|\||\?\?|\bor\b)(?=\s{0,4}[\"'`]))\s{0,8}"
    r"|,\s{0,40}(?=[bru]{0,2}\\*[\"'`])"
    r"|(?:[\s+]|, )(?:it )?(?:(?:is|was|ist|lautet|war|es|est|è|é|to|are|provided:)(?: still| now| set to| changed to| reset to| currently)?)[\s+:]{1,3}|\s\((?=[^\s()/:]{6,80}\))(?!(?i:sha|md|aes|utf|base|v)-?[0-9])|(?:(?:已?(?:设置|設定|设|設|更改|修改|改))?[是为為成][：:]?|[はが：]|[는은가이](?=\s))\s{0,4}|[ \t]{1,4}(?=\\*[\"'`]))"
)
#: A key of YAML, TOML or an INI file whose value stands on the next line, deeper.
_NEXT_LINE: Final = re.compile(
    r"(?:\\*[\"'])?[ \t]{0,8}:[ \t]{0,8}(?:[|>][+-]?[0-9]?[ \t]{0,8})?(?:#[^\n]{0,80})?\r?\n"
)
#: A block of YAML in JSON or a repr, whose line ends are escaped, up to its first word.
_ESCAPED_BLOCK: Final = re.compile(
    r"[ \t]{0,4}:[ \t]{1,4}[|>][+-]?[0-9]?(?:\\+r)?\\+n[ \t]{1,16}([^\s\\\"']{4,200})"
)
_KEY_LEFT: Final = re.compile(r"[ \t]*(?:-[ \t]{1,4})?[\"']?")
_LINE: Final = re.compile(r"(?P<indent>[ \t]*)(?P<item>-[ \t]{1,4})?(?P<text>[^\r\n]*)")
_QUOTED: Final = re.compile(
    r"(?P<prefix>\$?[bBrRuUfFN]{0,2})(?P<quote>\\*\"\"\"|'''|\\*\"|\\*'|`|[“„«‘])"
)
#: A value without quotes; a stop in it is part of it where neither space nor another name follows.
BARE: Final = re.compile(
    r"(?:[^\s,;&\"'<>`\\\x00，。；、）」]"
    r"|[,;&](?![\s\"')\]}\\]|\Z|[\w.\[\]-]{0,40} ?[=:])"
    r"|[\"'](?<=\w.)(?=[\w$!@#%^*])"
    r"|[<>](?![/a-zA-Z!\s]|\Z)|(?<=[\w)\]]-)>(?=[A-Za-z_$])"
    r"|\\(?![\"'`nrtux\\\s]|\Z))+"
)
_HEADER_LINE: Final = re.compile(r"(?:[^\r\n\"']|(?:(?<==)|(?<==\\))\"[^\r\n\"]{0,1000}\")*+")
#: What a literal begins with and a header's value never does.
_OPENING: Final = ("`", "'", '"', "{", "[", "(", "\\", "")
_BYTES: Final = ("b'", 'b"', "b\\")
_STRING_IN: Final = re.compile(r"""(\\*["'])((?:[^"'\\]|\\(?!["'])[\s\S]?)*)(\\*["'])(\s*:)?""")
#: What a string may begin with before its quote; another word ends at a quote that was open.
_PREFIXES: Final = frozenset("b r u f n l br rb fr rf u8 sql raw".split())
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
#: What makes an assignment one of a shell or an ``.env`` file: its values are literal.
_SHELL_WORDS: Final = frozenset(["", "-", "export", "set", "env", "ENV", "ARG", "declare -x"])
_SHELL_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]+")
#: What makes it a statement or a keyword argument of a program.
_CODE_LEFT: Final = (
    "(", ",", "{", "const", "let", "var", "val", "final", "return", "await", "auto", "string", "String", "def", "self.", "this.",
)  # fmt: skip
_OPERATORS: Final = frozenset("+%.&")
_AFTER_QUOTE: Final = frozenset(["", ")", ",", "]", "}", ";"])
#: What may stand before a value: tags of HTML and YAML, an anchor.
_TAGS: Final = re.compile(
    r"(?:<[a-z][^<>\n]{0,80}>){1,3}(?=[^\s<])|</[a-z]{1,10}> ?(?=[\w!@#$%^&*.-]{6})(?=[\w!@#$%^&*.-]{0,40}[0-9])|(?:!(?!(?:secret|vault|env|env_var|Ref|ImportValue|Sub|GetAtt|reference)\b)[\w:.!]{1,40}|&\w{1,40})[ \t]{1,4}(?=[^\s=])"
    r"|(?:\w{1,40}\.)?(?:Secret(?:Str|Bytes|String|Value)?|str|bytes|String|Some)\((?=[bru]{0,2}[\"'])"
)
#: A type and then the value: ``password: str = "value"``.
_DECLARED: Final = re.compile(
    r"&?[A-Za-z_][\w.\[\]<>| ?,]{0,60}?\s?=\s{0,4}[bBrRuUN]{0,2}(?P<quote>\\*[\"'`])"
)
#: Names that a quoted word often follows which is none of their values: the cookie `session`.
_IN_BRACES: Final = re.compile(r"(?=.*[^\w.:!$-])[^\s\"'`{}]+")
_ALSO_A_NOUN: Final = re.compile("token|key|cookie")
_IN_BRACE: Final = re.compile(r"[^}\n]{0,400}")
_COMPARISONS: Final = frozenset({"==", "===", "!=", "!=="})
_ONLY_WORDS: Final = re.compile(r"[^\W\d_]+(?: [^\W\d_]+){1,30}")
#: A wallet's recovery phrase: so many short words.
_SEED: Final = re.compile(r"[a-z]{3,8}(?: [a-z]{3,8}){11}(?:(?: [a-z]{3,8}){3}){0,4}")
_JOINED: Final = re.compile(r"\s{0,8}[+.]\s{0,8}(\\*[\"'])")
_MAX_JOINED: Final = 8
#: A look-up of a setting with what counts where it is not set.
_DEFAULT: Final = re.compile(
    r"[A-Za-z_$][\w.$>:-]{0,80}[(\[]\s{0,4}[\"'][\w./-]{1,80}[\"']\s{0,4}"
    r"(?:,\s{0,4}(?:\w{1,20}\s?=\s?)?|[)\]]\s{0,4}(?:\|\||\?\?|\?:|or)\s{0,4})[\"'](?P<text>[^\"'\n]{1,400})[\"']"
)
#: What separates a name from its value for certain; behind words only a mixed value is one.
_STRONG: Final = re.compile("[=:：＝>→⇒]")
_PAIR: Final = re.compile(r"[^\s,;/]{1,80} ?/ ?[^\s,;]{1,200}")
_PIN: Final = re.compile("[0-9]{4,8}")
#: A value in an ``.env`` file that only looks like something to fill in.
_ANGLES: Final = re.compile(
    r"<(?=[a-z]*[A-Z]|[A-Z]+[a-z])([A-Za-z]{3,40}[0-9]{1,8}[A-Za-z0-9]{0,8})>(?=[ \t]*(?:\r?\n|\Z))"
)
#: The rest of such a value that has blanks: to the line's end, a digit in it; not a program that
#: runs with the variable set.
_MORE_WORDS: Final = re.compile(
    r"(?=[^\n]{0,80}[0-9]) (?:([A-Za-z]{1,20})|[\w!@#$%^&*]{1,20})(?: [\w!@#$%^&*]{1,20}){0,5}(?=[ \t]*(?:\r?\n|\Z))"
)
_PROGRAMS: Final = frozenset(
    "psql mysql mysqldump pg make npm npx yarn pnpm node python python3 docker go cargo java ruby php bash sh sudo exec ssh git"
    " curl terraform ansible helm kubectl redis mongo deno bun uv uvicorn gunicorn pytest tox nox poetry twine rails rake mix"
    " createdb dropdb restic borg rclone sqlplus env nohup time ./run run".split()
)
_IS_PASSWORD: Final = re.compile("(?i)pass|pw")
#: Two words and more: a sentence of somebody's.
_PROSE: Final = re.compile(r"[a-z]{2,12} (?:[a-z]{2,12}|[0-9]{1,8})\b(?! ?[:=])")
_PROMPT_LEFT: Final = re.compile(
    r"[ \t]{0,8}(?:\[sudo\]|(?:[Ee]nter|[Tt]ype|[Pp]lease|[Yy]our|[Nn]ew|[Oo]ld|[Cc]urrent|[Rr]epeat|[Rr]etype|[Cc]onfirm)\b)[ \w]{0,40}"
)
#: What somebody typed at a prompt, on the line below it or the next.
_TYPED: Final = re.compile(
    r"(?: for [\w.@-]{1,40})?[ \t]{0,8}:[ \t]{0,8}(?:\r?\n[ \t]{0,8}){1,2}((?=[^\s]{0,60}[A-Za-z]{2}[0-9])[^\s:=(){}\[\]\"'`<>,;./\\]{6,64})(?=[ \t]*(?:\r?\n|\Z))"
)
_MIXED: Final = re.compile(r"(?=\S*[0-9!@#$%^&*?])(?=\S*[A-Za-z])\S{6,}")
#: A condition that the name ends: operands joined by operators, where prose has words beside words.
_OPERAND: Final = r"(?:not )?[\w.$\[\]()\"'?!-]{1,60}"
_HEADER_LEFT: Final = re.compile(
    r"(?:\A|[^\w'’-])(?:if|elif|while|for|with|except|case|match|when|until|unless)[ \t]{1,4}"
    rf"(?:{_OPERAND} (?:and|or|in|is|not in|is not|[=!<>:]=|<|>|&&|\|\|) ){{0,6}}(?:not )?[\w.$()\[\]\"'!-]{{0,80}}\Z"
)
_LAMBDA_LEFT: Final = re.compile(r"\blambda [\w, =*]{0,80}\Z")
_NAMED_AS: Final = re.compile(r"\b(?:with|except)[ \t][^\n]{1,160} as \Z")
#: What a statement begins with, or the whole of one that is a call.
_STATEMENT: Final = re.compile(
    r"(?:return|raise|throw|yield|del|assert|import|from|global|nonlocal|await|pass|break|continue|exit)(?=[\s;(.,\]})]|\Z)"
    r"|[A-Za-z_][\w.]{0,80}(?:\[[^\]\n]{0,60}\])?(?:, ?[A-Za-z_]\w{0,40}){0,4}(?:\s?(?:[-+*/|&^%]|//|<<|>>|\*\*)?=(?!=)\s|(?:[-+*/|&^%]|//)=|=(?=[\"'(\[{]))"
    r"|[A-Za-z_][\w.]{0,80}\([^\n]{0,240}\)(?=[ \t]*(?:#[^\n]{0,200})?(?:\r?\n|\\n|\Z))"
)


def assigned(text: str, name: Name) -> list[Edit]:
    """``name = value``, ``"name": "value"``, ``name: value``, ``Name: header``, ``name is value``."""
    separator = _SEPARATOR.match(text, name.end)
    if separator is None or (separator["close"].endswith("]") and separator["sep"] == ":"):
        return []
    start, sep = separator.end(), separator["sep"]
    if sep == ":" and text[max(0, name.begin - 2) : name.begin] == "${":
        if text[start : start + 1] in ("?", "+"):
            return []  # a shell's message, or what counts where it is set
        start += text[start : start + 1] in ("-", "=")
        return span(text, start, start + len(leading(_IN_BRACE, text, start)), name.text)
    if sep.strip() == ":" and _is_statement(text, name, start):
        return []
    word = name.text.lower()
    if (
        ("cookie" in word or "authorization" in word)
        and ":" in sep
        and text[start : start + 1] not in _OPENING
        and text[start : start + 2] not in _BYTES
    ):
        line = leading(_HEADER_LINE, text, start).rstrip().rstrip("\\")
        if len(line) < 3 or " = " in line or ("=" not in line and is_sentence(line)):
            return []
        if "cookie" in word and "=" not in line and (" " in line or line.endswith("(")):
            return []  # a sentence, or a call
        if is_evident_non_secret(line, name.text, quoted=True, code=False, shell=False):
            return []
        return hidden(text, start, start + len(line))
    if "\n" in sep.rstrip(" \t") and not separator["close"] and not sep.endswith(": "):
        return []  # what stands on the next line is _below's
    if tags := _TAGS.match(text, start):
        start = tags.end()
    if quoted := _QUOTED.match(text, start):
        begin = quoted.end()
        stop = closing(text, begin, quoted["quote"])
        value = text[begin:stop]
        after = (
            value.lstrip()[:1] in _OPERATORS if value[:1].isspace() else value[:1] in _AFTER_QUOTE
        )
        if after and not separator["close"]:
            return []  # the quote ends the text that the name ends: ``input("Password: ")``
        if sep.lstrip().startswith(",") and (
            is_plain_word(value) or text[stop + len(quoted["quote"]) :][:2].lstrip()[:1] == ":"
        ):
            return []
        if not sep.strip() and (
            value[:1].isspace() or (_ALSO_A_NOUN.search(word) and not is_random(value))
        ):
            return []
        if value[:1].isspace() and _is_open(text, name, quoted["quote"]):
            behind = begin + len(value) - len(value.lstrip())
            word = leading(BARE, text, behind)
            return span(text, behind, behind + len(word), name.text) if _MIXED.match(word) else []
        if not sep.strip() and _BLOCK_LEFT.search(text[max(0, name.begin - 40) : name.begin]):
            return []
        if sep.strip() in _COMPARISONS and ("token" in word or "key" in word or len(value) < 4):
            return []
        if quoted["prefix"].lower().strip("brun") and value.startswith("{"):
            return []
        literal = quoted["quote"] == "'" and sep.strip() == ":" and is_dollar_word(value)
        if not (literal and _begins_line(text[max(0, name.begin - 60) : name.begin])) and (
            is_evident_non_secret(value, name.text, quoted=True, code=False, shell=False)
        ):
            return []
        return hidden(text, begin, stop) + _joined(text, stop + len(quoted["quote"]))
    if not sep.strip():
        return []
    if text[start : start + 1] in _CLOSING:
        return _container(text, name, start)
    return _bare(text, name, start, sep, bool(separator["about"]))


def _is_open(text: str, name: Name, quote: str) -> bool:
    """Tell whether a quote is open where a name stands, so that the next closes it: ``"Password: " x``."""
    left = text[max(0, name.begin - _LINE_LEFT) : name.begin].rpartition("\n")[2]
    return left.count(quote) % 2 == 1


def _joined(text: str, at: int) -> list[Edit]:
    """Hide the literals that are joined to a hidden one: ``"abc" + "def"``."""
    edits: list[Edit] = []
    while (more := _JOINED.match(text, at)) is not None and len(edits) < _MAX_JOINED:
        stop = closing(text, more.end(), more[1])
        edits += hidden(text, more.end(), stop)
        at = stop + len(more[1])
    return edits


def _default(text: str, name: Name, start: int) -> list[Edit]:
    """Hide what stands where a setting is not found: ``os.getenv("KEY", "value")``."""
    found = _DEFAULT.match(text, start)
    return [] if found is None else span(text, *found.span("text"), name.text, prose=True)


def _container(text: str, name: Name, start: int) -> list[Edit]:
    """Hide the strings of a list or mapping; what ODBC puts in braces."""
    if start < name.regions.get(-2, 0):
        return []  # looked through already, as part of another
    stop = text.find(_CLOSING[text[start]], start, start + 4_096)
    stop = min(start + 4_096, len(text)) if stop < 0 else stop
    name.regions[-2] = stop
    edits: list[Edit] = []
    for found in _STRING_IN.finditer(text, start, stop):
        if not found[4] and not is_evident_non_secret(
            found[2], name.text, quoted=True, code=False, shell=False
        ):
            edits += hidden(text, found.start(2), found.end(2))
    inner = text[start + 1 : stop]
    if (
        text[start] == "{"
        and text[stop + 1 : stop + 2] in (";", "")
        and text[max(0, name.begin - 1) : name.begin] == ";"
    ):
        return hidden(text, start + 1, stop)  # ODBC
    if text[start] == "{" and not edits and stop < len(text) and _IN_BRACES.fullmatch(inner):
        return hidden(text, start + 1, stop)
    return edits


def _bare(text: str, name: Name, start: int, sep: str, separated_by_words: bool) -> list[Edit]:
    token = leading(BARE, text, start)
    if (declared := _DECLARED.match(text, start)) is not None:
        stop = closing(text, declared.end(), declared["quote"])
        if is_evident_non_secret(
            text[declared.end() : stop], name.text, quoted=True, code=False, shell=False
        ):
            return []
        return hidden(text, declared.end(), stop)
    behind = text[start + len(token) : start + len(token) + 1]
    if (behind in ("<", "(", "`") and token.isidentifier()) or (
        behind in ("'", '"') and token.lower() in _PREFIXES
    ):
        token += text[start + len(token)]  # a call, or a type with its parameters
    left = text[max(0, name.begin - 60) : name.begin]
    line_start = _begins_line(left)
    shell = line_start and sep == "=" and _SHELL_NAME.fullmatch(name.text) is not None
    if shell and (angles := _ANGLES.match(text, start)) and not is_sensitive(angles[1]):
        return hidden(text, *angles.span())
    value = _without_closers(token.rstrip(".,;:!?"))
    if is_placeholder(value):
        return []
    if sep.strip() in _COMPARISONS and not _IS_PASSWORD.search(name.text):
        return []
    code = sep.strip() in ("=", ":=", ":", "=>") and left.rstrip().endswith(_CODE_LEFT)
    if is_evident_non_secret(value, name.text, quoted=False, code=code, shell=shell):
        return _default(text, name, start)
    if token != value and is_evident_non_secret(
        token, name.text, quoted=False, code=code, shell=shell
    ):
        return []
    word = name.text.lower()
    if value.isdigit() and "token" in word:
        return []
    if (
        not _IS_PASSWORD.search(word)
        and word.endswith(("key", "token", "secret", "auth"))
        and sep.strip() == ":"
        and _PROSE.match(text, start)
    ):
        return []
    is_code = "code" in word and _PIN.fullmatch(value) is not None
    if (
        (separated_by_words or _STRONG.search(sep) is None)
        and not is_code
        and not left.endswith("[sudo] ")
        and not _MIXED.match(value)
    ):
        return []
    stop = start + len(value)
    if shell and (more := _MORE_WORDS.match(text, stop)) and more[1] not in _PROGRAMS:
        stop = more.end()
    if "credential" in word and (pair := _PAIR.match(text, start)):
        stop = pair.end()
    if (
        "phrase" in word
        or "mnemonic" in word
        or (line_start and "pass" in word and sep.strip() in ("=", ":"))
    ):
        rest = text[start : start + _BEHIND].partition("\n")[0]
        words = leading(_ONLY_WORDS, rest.strip())
        if words == rest.strip() and (_SEED.fullmatch(words) or not is_sentence(words)):
            stop = start + len(rest.rstrip())
    if text[stop : stop + 1] in ("'", '"') and text[stop - 1] in "@(":  # C#'s literals, a call
        stop = closing(text, stop + 1, text[stop])
    return hidden(text, start, stop)


def _is_statement(text: str, name: Name, start: int) -> bool:
    """Tell whether a statement or a lambda's expression follows: ``if x.password: return 1``."""
    line = text[max(0, name.begin - _LINE_LEFT) : name.end].replace("\\n", "\n").rpartition("\n")[2]
    if _LAMBDA_LEFT.search(line):
        value = leading(BARE, text, start)
        return value != "" and (_MIXED.match(value) is None or "." in value)
    header = _HEADER_LEFT.search(line) or _NAMED_AS.search(line.removesuffix(name.text))
    return header is not None and _STATEMENT.match(text, start) is not None


def _begins_line(left: str) -> bool:
    """Tell whether what stands before a name is the beginning of a line or of a command."""
    line = left.replace("\\n", "\n").replace(";", "\n").rpartition("\n")[2]
    return line.strip(" \t\"'") in _SHELL_WORDS


def _without_closers(value: str) -> str:
    """Return a value without the closing brackets of the call or literal that it stands in."""
    for opening, ending in _CLOSING.items():
        excess = value.count(ending) - value.count(opening)
        if excess > 0 and value.endswith(ending):
            inner = value.rstrip(ending + ".,;:!?")
            value = inner + ending * (value[len(inner) :].count(ending) - excess)
    return value


def below(text: str, name: Name) -> list[Edit]:
    """YAML's value on the next line; ``password: |``."""
    line_start = text.rfind("\n", max(0, name.begin - _BEFORE), name.begin) + 1
    if _PROMPT_LEFT.fullmatch(text, line_start, name.begin):
        typed = _TYPED.match(text, name.end)
        return [] if typed is None else span(text, *typed.span(1), name.text)
    if escaped := _ESCAPED_BLOCK.match(text, name.end):
        return span(text, *escaped.span(1), name.text)
    head = _NEXT_LINE.match(text, name.end)
    if head is None:
        return []
    if not _KEY_LEFT.fullmatch(text, line_start, name.begin):
        return []
    is_block = "|" in head[0] or ">" in head[0]
    indent = len(leading(re.compile(r"[ \t-]*"), text, line_start))
    at, edits = head.end(), []
    for _ in range(20):
        line = _LINE.match(text, at)
        if line is None or not line["text"].strip():
            break
        deeper = len(line["indent"]) > indent or (line["item"] and len(line["indent"]) >= indent)
        value = line["text"].strip().strip("\"'")
        if not deeper or re.match(r"[\w.-]{1,60}:(?:\s|$)", value) or is_sentence(value):
            break
        if not is_block and (" " in value or value.endswith(("(", "{", "[", ")", ";"))):
            break
        start = line.start("text") + line["text"].find(value)
        if not is_evident_non_secret(value, name.text, quoted=True, code=False, shell=False):
            edits += hidden(text, start, start + len(value))
        at = line.end() + 1
    if not edits and (typed := _TYPED.match(text, name.end)):
        return span(text, *typed.span(1), name.text)
    return edits
