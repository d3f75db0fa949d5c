"""Keys of providers, told by their prefix. To add one, add a row to :data:`PREFIXES`."""

from __future__ import annotations

import re
import string
from typing import Final

from genmon_otel.redaction.near import at_places, classed, outline, places, replaced, within
from genmon_otel.redaction.placeholders import MARK, keyed, leading

#: Alphabets of the secret behind a prefix.
_HEX: Final = "0-9a-f"
_ALNUM: Final = "A-Za-z0-9"
_WORD: Final = "A-Za-z0-9_"
_URL: Final = "A-Za-z0-9_-"
_BASE64: Final = "A-Za-z0-9+/=_-"
_DOTTED: Final = "A-Za-z0-9_.-"

#: Prefix, alphabet and least length of the secret behind it, whose it is. A secret holds a digit
#: or a capital letter, one with fewer than 20 characters or a common prefix both kinds (see
#: :func:`_is_random`): ``fw_version_of_the_board`` is no key.
PREFIXES: Final[tuple[tuple[str, str, int, str], ...]] = (
    # models and what surrounds them
    ("sk-", _URL, 16, "OpenAI, DeepSeek, Moonshot, Stability and others"),
    ("sk-ant-", _URL, 16, "Anthropic"),
    ("sk-proj-", _URL, 16, "OpenAI"),
    ("sk-svcacct-", _URL, 16, "OpenAI"),
    ("sk-admin-", _URL, 16, "OpenAI"),
    ("sk-or-v1-", _URL, 16, "OpenRouter"),
    ("sk-lf-", _URL, 16, "Langfuse"),
    ("pk-lf-", _URL, 16, "Langfuse"),
    ("ek_", _WORD, 20, "OpenAI, ephemeral"),
    ("sk_", _ALNUM, 32, "ElevenLabs"),
    ("sk_car_", _ALNUM, 16, "Cartesia"),
    ("AIza", _URL, 30, "Google"),
    ("AQ.", _URL, 20, "Google Gemini"),
    ("ya29.", _DOTTED, 20, "Google"),
    ("GOCSPX-", _URL, 20, "Google"),
    ("nvapi-", _URL, 20, "NVIDIA"),
    ("csk-", _ALNUM, 20, "Cerebras"),
    ("fw_", _ALNUM, 16, "Fireworks"),
    ("tgp_v1_", _URL, 20, "Together"),
    ("pa-", _URL, 24, "Voyage"),
    ("al-", _URL, 32, "Voyage Atlas"),
    ("jina_", _WORD, 20, "Jina"),
    ("hf_", _ALNUM, 20, "Hugging Face"),
    ("api_org_", _ALNUM, 20, "Hugging Face"),
    ("gsk_", _ALNUM, 20, "Groq"),
    ("xai-", _ALNUM, 20, "xAI"),
    ("pplx-", _ALNUM, 20, "Perplexity"),
    ("r8_", _ALNUM, 20, "Replicate"),
    ("rpa_", _ALNUM, 24, "RunPod"),
    ("nk-", _URL, 24, "Nomic"),
    ("luma-", _URL, 24, "Luma"),
    ("wandb_v1_", _WORD, 20, "Weights & Biases"),
    ("tvly-", _URL, 16, "Tavily"),
    ("fc-", _HEX, 32, "Firecrawl"),
    ("e2b_", _ALNUM, 20, "E2B"),
    ("pcsk_", _WORD, 20, "Pinecone"),
    ("lsv2_pt_", _WORD, 20, "LangSmith"),
    ("lsv2_sk_", _WORD, 20, "LangSmith"),
    ("ls__", _ALNUM, 20, "LangSmith"),
    ("llx-", _ALNUM, 20, "LlamaCloud"),
    ("ctx7sk-", _URL, 20, "Context7"),
    ("bedrock-api-key-", _BASE64, 20, "AWS Bedrock"),
    ("ABSK", _BASE64, 40, "AWS Bedrock"),
    ("app-", _ALNUM, 24, "Dify"),
    # clouds and hosting
    ("AKIA", "A-Z0-9", 12, "AWS"),
    ("ASIA", "A-Z0-9", 12, "AWS"),
    ("LTAI", _ALNUM, 12, "Alibaba"),
    ("AKID", _ALNUM, 32, "Tencent"),
    ("AQVN", _URL, 30, "Yandex"),
    ("dapi", _HEX, 32, "Databricks"),
    ("dop_v1_", _HEX, 40, "DigitalOcean"),
    ("doo_v1_", _HEX, 40, "DigitalOcean"),
    ("dor_v1_", _HEX, 40, "DigitalOcean"),
    ("HRKU-", _URL, 20, "Heroku"),
    ("FlyV1 fm2_", _BASE64, 20, "Fly"),
    ("fm2_", _BASE64, 20, "Fly"),
    ("fo1_", _URL, 20, "Fly"),
    ("rnd_", _ALNUM, 20, "Render"),
    ("nfp_", _ALNUM, 20, "Netlify"),
    ("vcp_", _ALNUM, 20, "Vercel"),
    ("vercel_blob_rw_", _WORD, 20, "Vercel"),
    ("hvs.", _URL, 20, "Vault"),
    ("hvb.", _URL, 20, "Vault"),
    ("hvr.", _URL, 20, "Vault"),
    ("atlasv1.", _URL, 20, "Terraform"),
    ("pul-", _HEX, 32, "Pulumi"),
    ("tskey-auth-", _URL, 16, "Tailscale"),
    ("tskey-api-", _URL, 16, "Tailscale"),
    ("tskey-client-", _URL, 16, "Tailscale"),
    ("dp.pt.", _ALNUM, 20, "Doppler"),
    ("dp.st.", _DOTTED, 20, "Doppler"),
    ("ops_eyJ", _DOTTED, 20, "1Password"),
    ("AGE-SECRET-KEY-1", "A-Z0-9", 20, "age"),
    # databases
    ("sbp_", _URL, 20, "Supabase"),
    ("sb_secret_", _URL, 20, "Supabase"),
    ("napi_", _ALNUM, 20, "Neon"),
    ("npg_", _ALNUM, 12, "Neon"),
    ("pscale_tkn_", _DOTTED, 20, "PlanetScale"),
    ("pscale_pw_", _DOTTED, 20, "PlanetScale"),
    # code, packages, containers
    ("ghp_", _ALNUM, 20, "GitHub"),
    ("gho_", _ALNUM, 20, "GitHub"),
    ("ghu_", _ALNUM, 20, "GitHub"),
    ("ghs_", _ALNUM, 20, "GitHub"),
    ("ghr_", _ALNUM, 20, "GitHub"),
    ("github_pat_", _WORD, 20, "GitHub"),
    ("glpat-", _DOTTED, 16, "GitLab"),
    ("gldt-", _DOTTED, 16, "GitLab"),
    ("glrt-", _DOTTED, 16, "GitLab"),
    ("glptt-", _DOTTED, 16, "GitLab"),
    ("glcbt-", _DOTTED, 16, "GitLab"),
    ("glsoat-", _DOTTED, 16, "GitLab"),
    ("gloas-", _DOTTED, 16, "GitLab"),
    ("glft-", _DOTTED, 16, "GitLab"),
    ("glimt-", _DOTTED, 16, "GitLab"),
    ("glagent-", _DOTTED, 16, "GitLab"),
    ("npm_", _ALNUM, 20, "npm"),
    ("pypi-", _URL, 16, "PyPI"),
    ("rubygems_", _HEX, 32, "RubyGems"),
    ("CLOJARS_", _ALNUM, 30, "Clojars"),
    ("oy2", "a-z0-9", 43, "NuGet"),
    ("dckr_pat_", _URL, 16, "Docker"),
    ("dckr_oat_", _URL, 16, "Docker"),
    ("bkua_", _HEX, 32, "Buildkite"),
    ("CCIPAT_", _WORD, 20, "CircleCI"),
    ("ATATT", _BASE64, 20, "Atlassian"),
    ("ATCTT", _BASE64, 20, "Atlassian"),
    ("ATBB", _ALNUM, 24, "Bitbucket"),
    ("lin_api_", _ALNUM, 20, "Linear"),
    ("lin_oauth_", _ALNUM, 20, "Linear"),
    ("figd_", _URL, 20, "Figma"),
    ("figo_", _URL, 20, "Figma"),
    ("figu_", _URL, 20, "Figma"),
    ("ntn_", _ALNUM, 20, "Notion"),
    ("secret_", _ALNUM, 40, "Notion"),
    ("PMAK-", _URL, 24, "Postman"),
    ("sntrys_", _BASE64, 20, "Sentry"),
    ("sntryu_", _BASE64, 20, "Sentry"),
    ("glsa_", _WORD, 20, "Grafana"),
    ("glc_", _BASE64, 20, "Grafana"),
    ("NRAK-", "A-Z0-9", 20, "New Relic"),
    ("phx_", _ALNUM, 20, "PostHog"),
    ("phs_", _ALNUM, 20, "PostHog"),
    # messages, mail, money
    ("xoxa-", _URL, 10, "Slack"),
    ("xoxb-", _URL, 10, "Slack"),
    ("xoxe-", _URL, 10, "Slack"),
    ("xoxe.xoxp-", _URL, 10, "Slack"),
    ("xoxo-", _URL, 10, "Slack"),
    ("xoxp-", _URL, 10, "Slack"),
    ("xoxr-", _URL, 10, "Slack"),
    ("xoxs-", _URL, 10, "Slack"),
    ("xapp-", _URL, 10, "Slack"),
    ("hooks.slack.com/services/", r"\w/", 16, "Slack"),
    ("hooks.slack.com/workflows/", r"\w/", 16, "Slack"),
    ("api/webhooks/", "/" + _URL, 20, "Discord"),
    ("SG.", _DOTTED, 30, "SendGrid"),
    ("key-", _HEX, 32, "Mailgun"),
    ("xkeysib-", _URL, 20, "Brevo"),
    ("xsmtpsib-", _URL, 20, "Brevo"),
    ("re_", _WORD, 20, "Resend"),
    ("sk_live_", _ALNUM, 10, "Stripe"),
    ("pk_live_", _ALNUM, 10, "Stripe"),
    ("rk_live_", _ALNUM, 10, "Stripe"),
    ("sk_test_", _ALNUM, 10, "Stripe"),
    ("pk_test_", _ALNUM, 10, "Stripe"),
    ("rk_test_", _ALNUM, 10, "Stripe"),
    ("whsec_", _BASE64, 16, "Stripe, Svix"),
    ("sq0atp-", _URL, 20, "Square"),
    ("sq0csp-", _URL, 20, "Square"),
    ("rzp_live_", _ALNUM, 12, "Razorpay"),
    ("shpat_", "0-9a-fA-F", 24, "Shopify"),
    ("shpca_", "0-9a-fA-F", 24, "Shopify"),
    ("shppa_", "0-9a-fA-F", 24, "Shopify"),
    ("shpss_", "0-9a-fA-F", 24, "Shopify"),
    ("EAACEdEose0cBA", _ALNUM, 16, "Facebook"),
)  # fmt: skip

#: Secrets whose prefix is part of ordinary names: what follows must mix digits and letters.
_COMMON: Final = frozenset(
    "sk- sk_ fw_ ek_ pa- al- nk- app- rnd_ re_ secret_ luma- fc- key- pul- oy2".split()
)
#: Prefixes by their last character; those that end in a separator are looked for behind one.
_SEPARATORS: Final = "-_"
_SEPARATED: Final = {row[0]: row for row in PREFIXES if row[0][-1] in _SEPARATORS}
#: By their last three characters: one look-up tells that most separators end none.
_BY_TAIL: Final = {
    tail: sorted(
        (row for row in _SEPARATED.values() if row[0][-3:] == tail), key=lambda row: -len(row[0])
    )
    for tail in {prefix[-3:] for prefix in _SEPARATED}
}
#: Of prefixes that begin others: the longer ones, the longest first.
_EXTENDED: Final = {
    short: longer
    for short in _SEPARATED
    if (
        longer := sorted(
            (row for row in _SEPARATED.values() if row[0].startswith(short) and row[0] != short),
            key=lambda row: -len(row[0]),
        )
    )
}
_JOINED: Final = tuple(row for row in PREFIXES if row[0][-1] not in _SEPARATORS)

#: A separator with the beginning of a secret behind it.
_BEGINNING: Final = re.compile(r"[-_](?=[A-Za-z0-9_+/-]{10})")
_BODIES: Final = {
    alphabet: re.compile(rf"[{alphabet}]*") for alphabet in {row[1] for row in PREFIXES}
}
_JOINED_PATTERNS: Final = tuple(
    (
        prefix,
        re.compile(rf"(?<![A-Za-z0-9]){re.escape(prefix)}(?!{MARK})([{alphabet}]{{{least},}})"),
    )
    for prefix, alphabet, least, _ in _JOINED
)
#: Characters of a secret that are looked at to tell whether it is one.
_ENOUGH: Final = 200
_DIGITS: Final = re.compile(r"[0-9]")
_CAPITALS: Final = re.compile(r"[A-Z]")
#: Words joined by separators, of which some may end in a small number: a name, not a secret.
_WORDS: Final = re.compile(
    r"[0-9]{0,2}[A-Z]?[a-z]*[0-9]{0,2}(?:[-_][0-9]{0,2}[A-Z]?[a-z]*[0-9]{0,2})*|[A-Z0-9]{1,8}(?:[-_][A-Z]{1,12})+"
)

#: Keys that are told by more than a prefix.
_TELEGRAM: Final = re.compile(
    rf"(?<![A-Za-z0-9])([0-9]{{8,10}}:AA)(?!{MARK})([A-Za-z0-9_-]{{30,}})"
)
_TWILIO: Final = re.compile(r"[AS](?<![A-Za-z0-9].)([CK])[0-9a-f]{32}(?![0-9a-f])")
_WEB_TOKEN: Final = re.compile(
    rf"(?<![A-Za-z0-9])eyJ(?!{MARK})([A-Za-z0-9_-]{{8,}}+(?:\.[A-Za-z0-9_-]*+){{1,4}}+)"
)
#: They begin with the full stop, so that the search is one for that character.
_BOT_TOKEN: Final = re.compile(
    rf"\.(?<=[A-Za-z0-9_-]{{24}}\.)(?!{MARK})([A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,38}})(?![\w.-])"
)
_ZHIPU: Final = re.compile(rf"\.(?<=[0-9a-f]{{32}}\.)(?!{MARK})([A-Za-z0-9]{{16}})(?![\w.-])")
_AIRTABLE: Final = re.compile(r"\.(?<=pat[A-Za-z0-9]{14}\.)([0-9a-f]{64})(?![\w-])")
_SQUARE: Final = re.compile(rf"(?<![\w+/.-])EAAA(?!{MARK})([A-Za-z0-9_-]{{55,75}})(?![\w+/=-])")
_REFRESH: Final = re.compile(rf"(?<![\w/])1//0(?!{MARK})([A-Za-z0-9_-]{{30,}})")
_AWS_SECRET: Final = re.compile(
    r"(?<![A-Za-z0-9+/=_-])(?=[A-Za-z0-9+/]{0,39}[A-Z])(?=[A-Za-z0-9+/]{0,39}[a-z])(?=[A-Za-z0-9+/]{0,39}[0-9])"
    r"[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-])"
)  # fmt: skip
#: What precedes one; a search for this is five times as fast.
_BEFORE_AWS: Final = re.compile(r"[^A-Za-z0-9+/=_-](?=[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-]))")


#: Every key is one word of these characters, and has at least so many of them.
_OF_KEYS: Final = classed(" ", word=f"{string.ascii_letters}{string.digits}_.+/=:-?")
_LONG_WORD: Final = re.compile(12 * "a" + "a*")
_AWS_LENGTH: Final = 40


def redact_keys(text: str) -> str:
    """Replace every key of a provider that is known by its looks; only long words can be one."""
    spans = [match.span() for match in _LONG_WORD.finditer(outline(text, _OF_KEYS))]
    if not spans:
        return text
    of_aws = max(end - begin for begin, end in spans) >= _AWS_LENGTH and (
        "AKIA" in text or "ASIA" in text or "aws" in text
    )
    return within(text, spans, lambda words: _keys(words, of_aws=of_aws))


def _keys(text: str, *, of_aws: bool) -> str:
    """Replace the keys in a text; those that only AWS has only where the whole text names it."""
    text = _separated(text)
    for prefix, pattern in _JOINED_PATTERNS:
        if found := places(text, prefix):
            text = replaced(
                text,
                at_places(pattern, text, found),
                lambda match: keyed(prefix, match[1]),  # noqa: B023 - called at once
            )
    if found := places(text, "eyJ"):
        text = replaced(text, at_places(_WEB_TOKEN, text, found), _web_token)
    if ":AA" in text:
        text = _TELEGRAM.sub(lambda match: keyed(match[1], match[2]), text)
    if of_aws:
        found = [0, *(match.end() for match in _BEFORE_AWS.finditer(text))]
        text = replaced(
            text, at_places(_AWS_SECRET, text, found), lambda match: keyed("", match[0])
        )
    if "AC" in text or "SK" in text:
        text = _TWILIO.sub(lambda match: keyed(match[0][:2], match[0][2:]), text)
    if "." in text:
        text = _BOT_TOKEN.sub(_behind_a_stop, text)
        text = _ZHIPU.sub(_behind_a_stop, text)
        text = _AIRTABLE.sub(_behind_a_stop, text)
    for prefix, pattern in (("EAAA", _SQUARE), ("1//0", _REFRESH)):
        if found := places(text, prefix):
            text = replaced(
                text,
                at_places(pattern, text, found),
                lambda match: keyed(prefix, match[1]),  # noqa: B023 - called at once
            )
    return text


def _separated(text: str) -> str:
    """Replace keys whose prefix ends in a separator: a look-up a separator, not a search a prefix."""
    parts: list[str] = []
    done = rejected = 0
    for match in _BEGINNING.finditer(text):
        end = match.end()
        if end <= max(done, rejected) or text[end - 3 : end] not in _BY_TAIL:
            continue
        for row in _BY_TAIL[text[end - 3 : end]]:
            begin = end - len(row[0])
            if begin < done or not text.startswith(row[0], begin):
                continue
            if begin and text[begin - 1].isascii() and text[begin - 1].isalnum():
                continue
            prefix, alphabet, least, _ = _longest(text, begin, row)
            end = begin + len(prefix)
            if text.startswith(MARK, end):
                break
            secret = leading(_BODIES[alphabet], text[end : end + _ENOUGH])
            if len(secret) >= least and _is_random(secret, prefix in _COMMON):
                secret = leading(_BODIES[alphabet], text, end)
                parts += [text[done:begin], keyed(prefix, secret)]
                done = end + len(secret)
                break
            if len(secret) >= least:
                rejected = end + len(secret)
    return "".join([*parts, text[done:]]) if parts else text


def _longest(text: str, begin: int, row: tuple[str, str, int, str]) -> tuple[str, str, int, str]:
    """Return the row of the longest prefix: ``sk-proj-`` rather than ``sk-``."""
    for longer in _EXTENDED.get(row[0], ()):
        if text.startswith(longer[0], begin):
            return longer
    return row


def _is_random(secret: str, common: bool) -> bool:
    """Tell whether what stands behind a prefix is a key rather than words."""
    digits, capitals = len(_DIGITS.findall(secret)), len(_CAPITALS.findall(secret))
    if not common and len(secret) >= 20:
        return digits + capitals > 0
    mixed = (0 < digits < len(secret)) or (4 <= capitals <= len(secret) - 4 and len(secret) >= 20)
    return mixed and not _WORDS.fullmatch(secret)


def _behind_a_stop(match: re.Match[str]) -> str:
    secret = match[1]
    return keyed(".", secret) if _is_random(secret, common=True) else match[0]


def _web_token(match: re.Match[str]) -> str:
    return f"{keyed('eyJ', match[1].replace('.', ''))}.eyJ{MARK}.{MARK}"
