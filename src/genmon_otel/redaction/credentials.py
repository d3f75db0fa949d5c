"""What secrets and personal data look like by themselves, and what is put in their place.

Placeholders keep the shape: the provider's prefix and the length of a key, an address
for an e-mail, digits for a card. Long random keys carry 32 bits of a SHA-256 so that two
keys stay two and one stays one, in every process, without a key of our own to guard; of
128 random bits that tells nothing. Whatever a person could have chosen or guessed
(passwords, e-mails, cards, numbers) has one constant placeholder for each length class:
a digest of it, however short, could be checked against a dictionary.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

#: The mark of every placeholder; patterns pass over what begins with it.
MARK: Final = "redacted"

#: Provider keys: a literal that must be in the text, the prefix that stays, the secret behind it.
_PROVIDER_KEYS: Final[tuple[tuple[str, str, str], ...]] = (
    # OpenAI, Anthropic, OpenRouter, DeepSeek; `sk-fading-circle` of a style sheet is none
    (
        "sk-",
        r"sk-(?:ant-|proj-|svcacct-|admin-|or-v1-|lf-)?+",
        r"(?=[\w-]{0,200}[0-9A-Z])[\w-]{16,}",
    ),
    ("pk-lf-", r"pk-lf-", r"[\w-]{16,}"),  # Langfuse
    ("AIza", r"AIza", r"[\w-]{30,}"),  # Google
    ("ya29.", r"ya29\.", r"[\w-]{20,}"),
    ("GOCSPX-", r"GOCSPX-", r"[\w-]{20,}"),
    ("AKIA", r"AKIA", r"[A-Z0-9]{12,}"),  # AWS
    ("ASIA", r"ASIA", r"[A-Z0-9]{12,}"),
    ("ABSK", r"ABSK", r"[A-Za-z0-9+/=]{40,}"),
    ("ghp_", r"ghp_", r"[A-Za-z0-9]{20,}"),  # GitHub
    ("gho_", r"gho_", r"[A-Za-z0-9]{20,}"),
    ("ghu_", r"ghu_", r"[A-Za-z0-9]{20,}"),
    ("ghs_", r"ghs_", r"[A-Za-z0-9]{20,}"),
    ("ghr_", r"ghr_", r"[A-Za-z0-9]{20,}"),
    ("github_pat_", r"github_pat_", r"\w{20,}"),
    ("glpat-", r"glpat-", r"[\w.-]{16,}"),  # GitLab
    ("gldt-", r"gldt-", r"[\w.-]{16,}"),
    ("glrt-", r"glrt-", r"[\w.-]{16,}"),
    ("glptt-", r"glptt-", r"[\w.-]{16,}"),
    ("xox", r"xox[abeoprs]-", r"[\w-]{10,}"),  # Slack
    ("xapp-", r"xapp-", r"[\w-]{10,}"),
    ("hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows)/", r"[\w/]{16,}"),
    ("api/webhooks/", r"api/webhooks/", r"[0-9]{6,}/[\w-]{16,}"),  # Discord
    ("k_live_", r"[prs]k_live_", r"[A-Za-z0-9]{10,}"),  # Stripe
    ("k_test_", r"[prs]k_test_", r"[A-Za-z0-9]{10,}"),
    ("whsec_", r"whsec_", r"[A-Za-z0-9+/=]{16,}"),
    ("hf_", r"hf_", r"[A-Za-z0-9]{20,}"),  # Hugging Face
    ("npm_", r"npm_", r"[A-Za-z0-9]{20,}"),
    ("pypi-", r"pypi-", r"[\w-]{16,}"),
    ("SG.", r"SG\.", r"[\w-]{16,}\.[\w-]{16,}"),  # SendGrid
    ("key-", r"key-", r"[0-9a-f]{32}"),  # Mailgun
    ("gsk_", r"gsk_", r"[A-Za-z0-9]{20,}"),  # Groq
    ("xai-", r"xai-", r"[A-Za-z0-9]{20,}"),
    ("pplx-", r"pplx-", r"[A-Za-z0-9]{20,}"),  # Perplexity
    ("r8_", r"r8_", r"[A-Za-z0-9]{20,}"),  # Replicate
    ("tvly-", r"tvly-", r"[\w-]{16,}"),  # Tavily
    ("pcsk_", r"pcsk_", r"\w{20,}"),  # Pinecone
    ("lsv2_", r"lsv2_(?:pt|sk)_", r"\w{20,}"),  # LangSmith
    ("dapi", r"dapi", r"[0-9a-f]{32}"),  # Databricks
    ("dop_v1_", r"dop_v1_", r"[0-9a-f]{40,}"),  # DigitalOcean
    ("hvs.", r"hvs\.", r"[\w-]{20,}"),  # Vault
    ("shpat_", r"shpat_", r"[0-9a-fA-F]{24,}"),  # Shopify
    ("sntrys_", r"sntrys_", r"[\w=+/-]{20,}"),  # Sentry
    ("ATATT", r"ATATT", r"[\w=-]{20,}"),  # Atlassian
    ("ntn_", r"ntn_", r"[A-Za-z0-9]{20,}"),  # Notion
    ("sbp_", r"sbp_", r"[\w-]{20,}"),  # Supabase
    ("sb_secret_", r"sb_secret_", r"[\w-]{20,}"),
    ("AGE-SECRET", r"AGE-SECRET-KEY-1", r"[A-Z0-9]{20,}"),
    (":AA", r"[0-9]{8,10}:AA", r"[\w-]{30,}"),  # Telegram
    ("eyJ", r"eyJ", r"[\w-]{8,}(?:\.[\w-]*){1,4}"),  # JSON Web Token
)
_KEYS: Final = tuple(
    (literal, re.compile(rf"(?<![A-Za-z0-9])({prefix})(?!{MARK}){body}"))
    for literal, prefix, body in _PROVIDER_KEYS
)
#: Cheap test before fifty literals: a separator with a long word behind it, or one of these.
_PREFIXED: Final = re.compile(r"[-_.](?=[A-Za-z0-9_+/-]{10})")
_UNSEPARATED: Final = ("eyJ", "hooks.slack", "api/webhooks", "dapi", "ya29", "hvs.")
_UNSEPARATED_CAPITAL: Final = ("AIza", "AKIA", "ASIA", "ABSK", "ATATT", ":AA")
_TWILIO: Final = re.compile(r"[AS](?<![A-Za-z0-9].)([CK])[0-9a-f]{32}(?![0-9a-f])")
_AWS_SECRET: Final = re.compile(
    r"(?<![A-Za-z0-9+/=_-])(?=[A-Za-z0-9+/]{0,39}[A-Z])(?=[A-Za-z0-9+/]{0,39}[a-z])(?=[A-Za-z0-9+/]{0,39}[0-9])"
    r"[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-])"
)
_SCHEME: Final = re.compile(
    rf"\b((?i:bearer|basic|negotiate))(\s{{1,4}}|\+)(?!{MARK})"
    r"((?=[\w.~+/-]{0,200}[0-9A-Z=])[\w.~+/-]{8,}={0,2})"
)
#: One of these is in every text that _SCHEME could match.
_HAS_SCHEME: Final = ("earer", "asic", "egotiate", "EARER", "ASIC")
_USERINFO: Final = re.compile(
    r"(://)([^\s/:@\"'<>?#]{0,128}):(?![0-9]{2,5}[/?#])([^\s\"'<>]{1,512})@(?=[\w.\[%-])"
)
_TOKEN_USER: Final = re.compile(rf"(://)(?!{MARK})([\w.~%-]{{16,256}})@(?=[\w.\[-])")
_QUERY: Final = re.compile(
    rf"(?i)([?&;](?:sig|signature|key|auth|x-amz-(?:signature|credential|security-token)|x-goog-signature|hmac|sas)=)(?!{MARK})([^&\s\"'<>#]{{4,}})"
)
_EMAIL: Final = re.compile(
    r"(?<![\w.+%-])(?!git@|noreply@|no-reply@)[\w.+%-]{1,64}@(?!example\.invalid)"
    r"(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w-])"
)
EMAIL_PLACEHOLDER: Final = f"{MARK}@example.invalid"
# The lookbehinds stand after the first character, so that the search is one for that character.
_CARD: Final = re.compile(r"[2-6](?<![\w.-].)(?:[0-9][ +-]?){12,17}[0-9](?![\w-]|\.[0-9])")
_CARD_ISSUER: Final = re.compile(
    r"4(?:.{15})|5[1-5].{14}|2[2-7].{14}|3[47].{13}|3[0689].{12}|35.{14}|6.{15,18}"
)
_PHONES: Final = (
    (
        "+",
        re.compile(
            r"\+(?<![\w+]\+)[1-9](?:[0-9]{0,2}[ .+-]?(?:\([0-9]{1,4}\)[ .+-]?)?(?:[0-9]{2,4}[ .+-]){1,4}[0-9]{3,4}"
            r"|[0-9]{9,13})(?!\w)"
        ),
    ),
    ("(", re.compile(r"\((?<!\w\()[2-9][0-9]{2}\) ?[0-9]{3}[ .-][0-9]{4}(?!\w)")),
    ("-", re.compile(r"[0-9](?<![\w-].)[0-9]{2}-[0-9]{2}-[0-9]{4}(?![\w-])")),
)
_PEM_BEGIN: Final = "-----BEGIN"
_PEM_END: Final = "-----END"
_PEM_BODY: Final = re.compile(r"(?:[A-Za-z0-9+/=:,% .-]|\\+[nrt]|\s)*")


def constant(length: int) -> str:
    """Return the placeholder of a secret that could be guessed: it tells its length class only."""
    size = 8
    while size * 2 <= length and size < 4096:
        size *= 2
    return MARK + "x" * (size - len(MARK))


def is_placeholder(text: str) -> bool:
    """Whether a value is one of :func:`constant`'s."""
    return text.startswith(MARK) and not text[len(MARK) :].strip("x")


def keyed(prefix: str, secret: str) -> str:
    """Return the placeholder of a random key: prefix, mark, 32 bits of its digest, its length."""
    digest = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{prefix}{MARK}{digest}".ljust(len(prefix) + len(secret), "x")


def scrub(text: str) -> str:
    """Replace every secret and personal datum that is known by its own looks."""
    if _may_hold_key(text):
        for literal, pattern in _KEYS:
            if literal in text:
                text = pattern.sub(_key, text)
    if "AKIA" in text or "ASIA" in text or "aws" in text:
        text = _AWS_SECRET.sub(lambda match: keyed("", match[0]), text)
    if "AC" in text or "SK" in text:
        text = _TWILIO.sub(lambda match: keyed(match[0][:2], match[0][2:]), text)
    if _PEM_BEGIN in text or _PEM_END in text:
        text = _pem(text)
    if any(scheme in text for scheme in _HAS_SCHEME):
        text = _SCHEME.sub(_scheme, text)
    if "@" in text:
        if "://" in text:
            text = _USERINFO.sub(_userinfo, text)
            text = _TOKEN_USER.sub(lambda m: f"{m[1]}{constant(len(m[2]))}@", text)
        text = _EMAIL.sub(EMAIL_PLACEHOLDER, text)
    if "=" in text and ("?" in text or "&" in text):
        text = _QUERY.sub(lambda m: m[1] + constant(len(m[2])), text)
    text = _CARD.sub(_card, text)
    for literal, pattern in _PHONES:
        if literal in text:
            text = pattern.sub(_zeros, text)
    return text


def _may_hold_key(text: str) -> bool:
    """Whether looking for fifty prefixes is worth it."""
    for literal in _UNSEPARATED:
        if literal in text:
            return True
    if "A" in text:
        for literal in _UNSEPARATED_CAPITAL:
            if literal in text:
                return True
    return _PREFIXED.search(text) is not None


def _key(match: re.Match[str]) -> str:
    prefix = match[1]
    secret = match[0][len(prefix) :]
    if prefix == "eyJ":
        return f"{keyed('eyJ', secret.replace('.', ''))}.eyJ{MARK}.{MARK}"
    return keyed(prefix, secret)


def _scheme(match: re.Match[str]) -> str:
    """Hide what stands behind Bearer or Basic: the latter is a password, which could be guessed."""
    secret = match[3]
    hidden = keyed("", secret) if match[1].lower() == "bearer" else constant(len(secret))
    return f"{match[1]}{match[2]}{hidden}"


def _userinfo(match: re.Match[str]) -> str:
    if is_placeholder(match[3]):
        return match[0]
    return f"{match[1]}{match[2]}:{constant(len(match[3]))}@"


def _zeros(match: re.Match[str]) -> str:
    return re.sub(r"[0-9]", "0", match[0])


def _card(match: re.Match[str]) -> str:
    digits = [int(char) for char in match[0] if char.isdigit()]
    if not _CARD_ISSUER.fullmatch("".join(map(str, digits))):
        return match[0]
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return _zeros(match) if total % 10 == 0 else match[0]


def _pem(text: str) -> str:
    """Empty every PEM block of a private key, also one that a cut left without its end or start."""
    parts: list[str] = []
    at = 0
    while True:
        begin = text.find(_PEM_BEGIN, at)
        end = text.find(_PEM_END, at)
        if begin < 0 and end < 0:
            return "".join([*parts, text[at:]])
        if begin >= 0 and (end < 0 or begin < end):
            label_end = text.find("-----", begin + len(_PEM_BEGIN))
            if label_end < 0 or "PRIVATE" not in text[begin:label_end] or label_end - begin > 64:
                parts.append(text[at : begin + len(_PEM_BEGIN)])
                at = begin + len(_PEM_BEGIN)
                continue
            start = label_end + 5
            stop = text.find(_PEM_END, start)
            body = text[start:stop] if stop >= 0 else leading(_PEM_BODY, text, start)
            parts.append(text[at:start] + _pem_body(body))
            at = start + len(body)
            if stop >= 0:
                parts.append(_PEM_END)
                at += len(_PEM_END)
            continue
        label = text[end + len(_PEM_END) : end + 64].partition("-----")[0]
        if "PRIVATE" in label:
            before = text[at:end]
            kept = len(before) - len(leading(_PEM_BODY, before[::-1]))
            parts.append(before[:kept] + _pem_body(before[kept:]) + _PEM_END)
        else:
            parts.append(text[at : end + len(_PEM_END)])
        at = end + len(_PEM_END)


def _pem_body(body: str) -> str:
    inner = body.replace("\\n", "\n").strip()
    if not inner or is_placeholder(inner):
        return body
    edge = "\\n" if "\\n" in body else "\n" if "\n" in body else ""
    return f"{edge}{constant(64)}{edge}"


def leading(pattern: re.Pattern[str], text: str, start: int = 0) -> str:
    """Return what a pattern matches right at ``start``; empty for nothing."""
    match = pattern.match(text, start)
    return match[0] if match else ""
