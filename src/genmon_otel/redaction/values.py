"""Tell secrets from what else stands behind a sensitive name: code, references, types, words about it."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.placeholders import is_placeholder

#: Characters of a value that are looked at to tell what it is.
_MAX: Final = 400

_TYPES: Final = (
    r"str|string|bytes|bytearray|int|integer|number|float|bool|boolean|any|object|dict|list|char|varchar|text|unknown|never|void"
    r"|secret(?:str|string|bytes|box|vec)|securestring|emailstr|uuid|byte|option|optional|nullable|buffer|self|type"
)
_NOTHING: Final = (
    r"none|null|nil|undefined|nan|true|false|yes|no|on|off|empty|unset|n/a|hidden|masked|filtered|removed|omitted"
    r"|encrypted|protected|confidential|censored|scrubbed|\[?redacted\]?|\[?filtered\]?|\[?hidden\]?|\[?masked\]?"
)
#: Types, literals and words that stand where no value is.
_NO_VALUE: Final = re.compile(
    rf"(?i)(?:(?:{_TYPES})(?:\[\])?\??|{_NOTHING}|~|required(?:\|.*)?|optional|nullable\|.*|default|\.{{2,}}|…|[*•●x#.]{{3,}}|-+|\||>-?|\|-|[|+&]|include|same-origin|omit|(?:n?var)?(?:char|binary)\([0-9]+\)|(?:decimal|numeric|big|small)?(?:int)?\([0-9, ]+\)|disabled|enabled|inactive|active|ok|weak|strong)[.:!?;]?"
)
#: Placeholders in documents: ``<your key>``, ``your-api-key``, ``REPLACE_ME``.
_TO_FILL_IN: Final = re.compile(
    r"(?i)<[^<>]*>|\[[a-z][a-z _-]*\]|(?:my|your|the|insert|enter|put|add|paste|replace|change|set|fill|type)[-_ ].{0,60}"
    r"|change[-_]?me!?|replace[-_]?me|todo|tbd|fixme|placeholder|example|\w{0,20}[-_]here|xxx+.{0,30}|yourpassword|your\w{0,20}"
    r"|(?:sk|pk|key|token)[-_](?:xxx+|\.\.\.|\*{3,}).{0,40}"
)
#: A dollar sign and letters, which only stands for a variable if they name one.
_DOLLAR_WORD: Final = re.compile(r"\$([a-z]{5,})")
_PART_OF_VARIABLE: Final = re.compile(
    "pass|pw|key|token|secret|cred|hash|auth|line|reply|word|answer|default|random|generated|given|stored|current|typed|plain|crypt"
)
#: What no placeholder has: letters and digits in one word.
_CHOSEN: Final = re.compile(r"[A-Za-wyz][0-9]|[0-9][A-Za-z]")
#: References to where the value is kept.
_REFERENCE: Final = re.compile(
    r"#/[\w/.-]+|<%.*|\$[0-9]+|\$\{[^}]*\}?|\$\(.*|\$\{\{.*|\{\{.*|\$[A-Z_][A-Z0-9_]*|\$env:\w+|\$[A-Za-z_]\w*(?:->|\[|::).*|\$[a-z_]+(?:[A-Z][a-z]+)*"
    r"|\\\([a-z].*|(?:Read|Get|New|ConvertTo|ConvertFrom)-[A-Z][A-Za-z]+|%\(?[A-Za-z_]*\)?[sdr]|%[A-Z_][A-Z0-9_]*%|%[sdr]|\?|:[a-z_]\w*|@[a-z_]+|#\{.*|@\{.*|\{[A-Za-z_][\w.]*(?:\[[^\]]*\])?(?:![rs])?(?::[^}]*)?\}|\{\}|`.*"
    r"|(?:env|file|vault|op|aws|gcp|ssm|secretsmanager|keyring|keychain|doppler|akv|secret|ref|credential)s?://.*|(?:env|file|secret)[:.][\w./-]+"
    r"|arn:aws:.*|projects/.*/secrets/.*|!(?:secret|vault|env|env_var|Ref|ImportValue|Sub|GetAtt|reference)\b.*"
    r"|(?:os\.environ|process\.env)[./]\w+|/(?:run|etc|var|vault|secrets?|mnt|home|tmp|opt|usr)/[\w./-]+|\./[\w./-]+|~/[\w./-]+"
)
#: Words that begin or make a sentence rather than a value.
_STOP_WORDS: Final = frozenset(
    "a an the is was were be been being are must not and or but for in into to of on at by from with without if when while then"
    " that this these those it its as than so because due after before until unless again once only also already still too"
    " can cannot can't could should shall will would may might do does did don't doesn't didn't has have had having"
    " required missing invalid incorrect wrong bad expired revoked failed error errors rejected denied refused unauthorized"
    " unauthorised forbidden mismatch mismatched mismatches found given provided supplied set unset empty blank valid accepted"
    " expected unexpected needed needs requires contains exceeded exceeds too short long weak strong matches match matching"
    " no none nothing never any all each every some your my our their his her please enter reset change changed updated"
    " update authentication authorization validation verification expires is_valid option flag argument parameter setting"
    " variable field value header instead use using used see ok okay success successful succeeded generated created sent"
    " received loaded cached refreshed refresh rotated checked verified stored hashed salted encrypted redacted hidden"
    " omitted via through per about between what which who where how why you we they he she i lookup fetch string"
    " fehlt ist sind falsch ungültig abgelaufen darf muss nicht erforderlich benötigt es son est sont requis requise invalide"
    " siehe voir vedi ver command await new yield lambda async function typeof null incorrecta incorrecto inválida inválido requerida requerido obligatoria manquant expiré non trop il elle doit doivent contient mindestens enthält mínimo máximo debe deve contiene contém".split()
)
_LOWER_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")

#: What an expression starts with: objects that hold settings, requests, clients and the like.
_ROOTS: Final = frozenset(
    "self cls this that super os sys env environ process settings setting config configs conf cfg configuration app application args arg"
    " argv options option opts opt props params param parameters kwargs user users account accounts profile request requests req"
    " response responses res resp result results data body payload json form event context ctx session client credentials"
    " creds cred secrets secret vault auth oauth state store model models obj object row record item items entry output input"
    " message headers header cookies cookie db database api service services server module window document localstorage"
    " sessionstorage import deno bun axios fetch http https crypto bcrypt argon argon2 jwt base64 string strings uuid random"
    " hashlib hmac keyring getpass st streamlit flask django fastapi current_app g z yup joi zod schema schemas sequelize"
    " datatypes types forms serializers serializer fields field sa column value values formdata formvalues var local locals"
    " each math date array object number boolean buffer token tokens tokenizer lexer parser node page router navigation"
    " values.schema console system environment builder properties prop it key keys pydantic typing constants const defaults"
    " globals manager provider factory helper utils util lib github google aws azure firebase supabase prisma mongoose next"
    " nextauth express fastify passport r w e t s p c u x o d k v m i f url parsed parts match m parsed_args namespace ns"
    " stdin inputs optional mapped annotated list dict union sequence literal final classvar record partial set tuple github.event runner steps matrix needs vars pulumi terraform tf random_password kubernetes k8s".split()
)
#: Those of them that a line of a shell or an ``.env`` file in a program's style begins with.
_SETTINGS: Final = frozenset(
    "os sys env environ process settings setting config conf cfg self cls import st app secrets vault getpass keyring configuration django flask".split()
)
#: Words of which an attribute or function is made that gives a value.
_ACCESSORS: Final = frozenset(
    "get load read fetch decode encode decrypt encrypt hash make create generate gen new next prompt input ask find lookup"
    " resolve retrieve obtain build parse sign verify mask redact env getenv environ token key keys secret password passwd crypt digest sha256 md5 pbkdf2 bcrypt concat coalesce nullif"
    " pass pwd value data text strip trim tostring to_string str string bytes dict credentials cookie cookies auth apikey".split()
)
#: A name for a secret, as the last word of what only repeats one.
_RELATED: Final = frozenset(
    "password passwd pwd pw token secret key pass passwort kennwort wachtwoord contraseña contrasena senha passe heslo hasło"
    " haslo secreto secreta segreto geheimnis salasana adgangskode lösenord passord parola пароль 密码 密碼 パスワード 비밀번호".split()
)
#: Those with which a label of a form begins: ``Password (optional)``, ``Passwort vergessen?``.
_LABELS: Final = _RELATED - {"secret", "key", "pass", "passe", "pw"}
#: Cookies that hold words, and their attributes: ``theme=dark; path=/; max-age=3600``.
_COOKIE_PART: Final = (
    r"(?i:(?!\w*(?:ses|sid|auth|tok|pass|key|jwt|secret|csrf|xsrf))[\w.-]{1,40}=[a-z]{0,12}(?=;|\Z)"
    r"|(?:path|domain|expires|max-age|samesite|version|priority)=[^;]*|secure|httponly|partitioned)"
)
_PLAIN_COOKIE: Final = re.compile(rf"{_COOKIE_PART}(?:;\s*+{_COOKIE_PART})*+;?")
_WORDS: Final = re.compile(r"[\w .-]{1,80}[:*?]?")
_HUMP: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PATH: Final = re.compile(
    r"(?:await\s|new\s|&|\*|!|\.{3})?[A-Za-z_$]\w*(?:(?:\?\.|!\.|\.|->|::)[A-Za-z_$]\w*)*[?!]?"
)
#: What stands before the secret in a header.
_SCHEME: Final = re.compile(r"(?i)(?:bearer|basic|token|apikey|negotiate)(?:\s+|$)")
#: A parser's or model's token rather than one that grants access.
_TOKEN_KIND: Final = re.compile(
    r"\s?[^\W\d]{1,15}|[a-z]{3,12}-(?:[1-9]|[1-9]?[05]0|[1-9]00)|\W{0,8}|[\W\d]{0,11}|.{0,5}|<[|]?\w{2,20}[|]?>|.*\s.*",
    re.DOTALL,
)
#: Names that mean something else as well; of these only a mixed value is a secret.
_AMBIGUOUS: Final = frozenset(
    "pass clave schlüssel ключ chave chiave clé sleutel parola sig".split()
)
_MIXED: Final = re.compile(r"(?=\S*[0-9!@#$%^&*?])(?=\S*[^\W\d])\S{6,}")
_RANDOM: Final = re.compile(
    r"(?=(?:[^0-9]*[0-9]){3})(?=(?:[^A-Za-z]*[A-Za-z]){3})[A-Za-z0-9_]{20,400}"
)
_PIN: Final = re.compile(r"[0-9]{4,12}")
_IDENTIFIER_MAY_END: Final = re.compile(r"[A-Za-z_]*(?:[a-z]2[a-z]+)?[0-9]{0,2}")


def is_evident_non_secret(value: str, name: str, *, quoted: bool, code: bool, shell: bool) -> bool:
    """Tell whether what follows a sensitive name is evidently no secret.

    Args:
        value: what follows, without quotes.
        name: the sensitive name.
        quoted: whether it stood in quotes.
        code: whether it stands in an expression: a keyword argument, a statement.
        shell: whether the name is a variable of a shell or an ``.env`` file; its values are literal.
    """
    value = value[:_MAX].strip()
    if not value or is_placeholder(value) or value.startswith("[redacted"):
        return True
    if scheme := _SCHEME.match(value):
        value = value[scheme.end() :]
    if name == "token" and _TOKEN_KIND.fullmatch(value):  # one of thousands in a model's answer
        return True
    if (
        not value
        or _NO_VALUE.fullmatch(value)
        or (_TO_FILL_IN.fullmatch(value) and not _CHOSEN.search(value))
        or (
            _REFERENCE.fullmatch(value)
            and not (shell and (value[0] == "@" or is_dollar_word(value)))
        )
    ):
        return True
    if _is_same_word(value, name) or _is_other_kind(value, name.lower()):
        return True
    if quoted:
        return _is_message(value) or (len(value) < 3 and "key" in name.lower())
    if value.lower().rstrip(".,:;!?") in _STOP_WORDS:
        return True
    return _is_code(value, code=code, shell=shell)


def is_dollar_word(value: str) -> bool:
    """Tell whether a value only looks like a variable: ``$tarlight``, not ``$password`` or ``$user``."""
    word = _DOLLAR_WORD.fullmatch(value)
    return (
        word is not None
        and word[1] not in _ROOTS | _ACCESSORS
        and not _PART_OF_VARIABLE.search(word[1])
    )


def _is_same_word(value: str, name: str) -> bool:
    """Tell whether the value only repeats the name: ``password=new_password``, ``label: "Password"``."""
    value = value.lstrip("!")
    if not _WORDS.fullmatch(value):
        return False
    of_value = (
        [word.lower() for word in _HUMP.findall(value)] if value.isascii() else [value.lower()]
    )
    of_name = [word.lower() for word in _HUMP.findall(name)] if name.isascii() else [name.lower()]
    if not of_value or not of_name:
        return False
    if "".join(of_value) == "".join(of_name):
        return True
    last = of_name[-1]
    return (of_value[-1] == last or of_value[-1] in _RELATED) and all(
        word.isalpha() for word in of_value
    )


def _is_other_kind(value: str, name: str) -> bool:
    """Tell whether the name means something else here: a parser's token, a board's pin, a folder."""
    if name == "token":
        return _TOKEN_KIND.fullmatch(value) is not None
    if name in _AMBIGUOUS:
        return _MIXED.fullmatch(value) is None
    if name == "pin" or name.endswith(("_pin", "-pin")):
        return _PIN.fullmatch(value.rstrip("})],")) is None
    if "cookie" in name and _PLAIN_COOKIE.fullmatch(value):
        return True
    return name in ("pwd", "oldpwd", "init_cwd") and value.startswith(("/", "~", "C:"))


def _is_message(value: str) -> bool:
    """Tell whether a quoted value is a sentence about a secret."""
    words = value.split()
    if len(words) < 2:
        return False
    if words[0].lower() in _LABELS and value[0].isupper():
        return all(word.strip("().,:;!?").isalpha() for word in words[1:])
    known = sum(word.lower().strip(".,:;!?") in _STOP_WORDS for word in words)
    return (
        known >= 1 and (len(words) >= 3 or known == len(words)) and value[:1].isupper()
    ) or known * 3 >= len(words) >= 3


def is_random(text: str) -> bool:
    """Tell whether a word is long and mixed as no name and no number is."""
    return _RANDOM.fullmatch(text) is not None


def is_sentence(text: str) -> bool:
    """Tell whether a line that follows a name and a colon is a sentence."""
    return _is_message(text[:1].upper() + text[1:])


def _is_code(value: str, *, code: bool, shell: bool) -> bool:
    path = _PATH.match(value)
    if path is None:
        return False
    rest = value[path.end() :]
    root = re.split(
        r"[.?!\-:]", path[0].removeprefix("await ").removeprefix("new ").lstrip("&*!.")
    )[0]
    segments = re.split(r"\?\.|!\.|\.|->|::", path[0])
    wordy = all(_is_wordy(segment) for segment in segments)
    if not wordy:
        return False
    known = root.lower() in _ROOTS
    accessor = bool(
        {word.lower() for segment in segments for word in _HUMP.findall(segment)} & _ACCESSORS
    )
    if rest == "<" or rest[:1] in ("'", '"', "`"):
        return True
    if shell and rest[:1] in ("", ".", "(", "["):
        # literal in a shell: only what looks settings up is code
        known = known and root.lower() in _SETTINGS
        if not known and rest[:1] != "(":
            return False
    if rest.startswith("("):
        inside, closed, after = _bracketed(rest, "(", ")")
        if closed and after and after[0] not in ".[)?!],;:|}":
            return False
        if shell and not known:
            return accessor
        if not inside or known or accessor or len(segments) > 1:
            return True
        if (inside[0] in "\"'`$?:@" and not shell) or (inside[0].isalpha() and not shell):
            return True
        return "_" in path[0] or path[0][:1].isupper()
    if rest.startswith("["):
        inside, closed, after = _bracketed(rest, "[", "]")
        if closed and after and after[0] not in ".[)?!],;:(|}":
            return False
        if not inside or inside[0] in "\"'`" or known or accessor:
            return True
        return (
            (inside.isidentifier() or inside.lstrip("-").isdigit())
            and not shell
            and path[0].islower()
        )
    if rest and rest[0] not in ".,;)]}|?:":
        return False
    if len(segments) > 1:
        related = bool({word.lower() for word in _HUMP.findall(segments[-1])} & _ACCESSORS)
        return known or related or code
    return code and value.rstrip(",;)") not in ("", value) and len(value) <= 3


def _is_wordy(segment: str) -> bool:
    """Tell whether an identifier is made of words: no digits but one or two behind them."""
    segment = segment.strip("?!&*$_").removeprefix("await ").removeprefix("new ")
    if not _IDENTIFIER_MAY_END.fullmatch(segment):
        return False
    humps = _HUMP.findall(segment)
    return len(humps) <= 1 + len(segment) // 2


def _bracketed(text: str, opening: str, closing: str) -> tuple[str, bool, str]:
    """Split a text that begins with a bracket: what is in it, whether it is closed, what follows."""
    depth = 0
    for at, char in enumerate(text):
        if char == opening:
            depth += 1
        elif char == closing:
            depth -= 1
            if not depth:
                return text[1:at].strip(), True, text[at + 1 :]
    return text[1:].strip(), False, ""
