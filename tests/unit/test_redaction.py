"""No secret gets out, clean text is left alone, and what stands in place is stable."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmon_otel.redaction import EXTRA_FAILED, Redactor
from genmon_otel.text import GAP
from tests.work_kit import growth

REDACTOR = Redactor()
LIMIT = 8_192

#: One secret of each kind, made up. ``c4naryPw`` marks where the secret is only a part.
KINDS = {
    "openai": "sk-proj-Ab3dEf6hIj9lMn0pQr3tUv6xYz9",
    "openai2": "sk-Ab3dEf6hIj9lMn0pQr3tUv6xYz9abcdT3BlbkFJ",
    "anthropic": "sk-ant-api03-Ab3dEf6hIj9lMn0pQr-3tUv6x_Yz9AA",
    "google": "AIzaSyA1b2C3d4E5f6G7h8I9j0KlMnOpQrStUvW",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "github": "ghp_A1b2C3d4E5f6G7h8I9j0KlMnOpQrStUvWxYz",
    "githubpat": "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789",
    "gitlab": "glpat-Ab3dEf6hIj9lMn0pQr3t",
    "slack": "xoxb-123456789012-123456789012-AbCdEfGhIjKlMnOpQrStUvWx",
    "slackhook": "https://hooks.slack.com/services/T00000000/B00000000/XXXXa1b2c3d4e5f6g7h8i9j0",
    "discord": "https://discord.com/api/webhooks/123456789012345678/AbCdEf-GhIjKlMnOpQrStUvWxYz0123456789",
    "stripe": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "whsec": "whsec_Ab3dEf6hIj9lMn0pQr3tUv6xYz9",
    "hf": "hf_AbCdEfGhIjKlMnOpQrStUvWxYz01234567",
    "npm": "npm_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "pypi": "pypi-AgEIcHlwaS5vcmcCJDEyMzQ1Njc4LTEyMzQ",
    "sendgrid": "SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf09kqeF8tAmbihYzrnopKc1s5cr",
    "twilio": "SK0123456789abcdef0123456789abcdef",
    "mailgun": "key-0123456789abcdef0123456789abcdef",
    "jwt": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "bearer": "Bearer AbCdEf123456ghIJKL",
    "basic": "Basic dXNlcjpwYXNzd29yZA==",
    "card": "4111 1111 1111 1111",
    "email": "alice.canary@corp.example.com",
    "pgdsn": "postgresql://app:c4naryPw@db.internal:5432/prod",
    "redis": "redis://:c4naryPw@cache:6379/0",
    "mongo": "mongodb+srv://u:c4naryPw@cluster0.mongodb.net",
    "amqp": "amqp://guest:c4naryPw@mq:5672",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAc4naryPwxyz0123456789\nabcdefghijklmnop\n-----END RSA PRIVATE KEY-----",
    "azure": "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=c4naryPwAbCdEf0123456789==;EndpointSuffix=core.windows.net",
    "sas": "https://x.blob.core.windows.net/c?sv=2020&sig=c4naryPw%2Babc%3D&se=1",
    "amz": "https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2020&X-Amz-Signature=c4naryPw0123456789",
    "urltoken": "https://x.io/cb?token=c4naryPw&x=1",
    "kv": "password=c4naryPw",
    "kv2": "api_key: c4naryPw",
    "json": '{"client_secret": "c4naryPw"}',
    "cookie": "Cookie: session=c4naryPw; theme=dark",
    "setcookie": "Set-Cookie: sid=c4naryPw; Path=/; HttpOnly",
    "xapikey": "x-api-key: c4naryPw",
    "authz": "Authorization: Bearer c4naryPw99",
    "awssecret": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYc4naryPwKEY",
    "phone": "+1 415 555 0132",
    "env": "export DB_PASSWORD=c4naryPw",
    "userpass": "Pwd=c4naryPw;Database=x",
    "pass phrase": "password is c4naryPw9",
    "telegram": "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0",
    "groq": "gsk_AbCdEf0123456789AbCdEf0123456789",
}

CLEAN = r"""tokens: 512
max_tokens=100
token count is 17
prompt_tokens: 12, completion_tokens: 30
Unexpected token 'export' at 3:4
token = tokenizer.encode(text)
api_key=os.environ["OPENAI_API_KEY"]
api_key=settings.openai.key
def login(user: str, password: str) -> Token:
password=password
sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg==
commit 5fc35719b9cf96ec602dbc748ff31c587a46961d
7c1811ed-e98f-4c9c-a9f9-58c757ff494f
.sk-folding-cube { color: #fff; margin: 0 auto } .task-list-item-checkbox
const [token, setToken] = useState<string>('');
KeyError: 'api_key'
The password field is required
missing 1 required keyword-only argument: 'api_key'
import { Key } from "./key"
<input type="password" name="password" placeholder="Password" />
key: value, keys(), keyboard, author: Bob
["username", "password", "email"]
created_at 1732345678901 id 1234567890123456
git@github.com:org/repo.git
http://localhost:8000/x@2
basic authentication is required
secrets.token_hex(16)
session.get(url, headers=headers, auth=auth)
@media (max-width: 600px) { a { b: c } }
npm install react@18.2.0 @types/node@20.1.0
token_type: bearer
Authorization header missing
author=alice card: yes
2024-01-02 2024-01-02T10:11:12+01:00 (2024) 123-45-678
for token in tokens:
    if token == "x": pass
const password = req.body.password
passed: 12, failed: 3
primary key: id
keyword argument 'pin' of 'path'
Expected token: ) got: }
csrf_token = get_token(request)
next_token=next_token"""


def secrets(kind: str) -> list[str]:
    """Return what must not be found of a kind: the canary in it, or the whole and its half."""
    text = KINDS[kind]
    if "c4naryPw" in text:
        return ["c4naryPw"]
    bare = text.removeprefix("Bearer ").removeprefix("Basic ")
    if bare.startswith("https://"):
        bare = bare.rsplit("/", 1)[1]
    return [bare, bare[len(bare) // 2 :]]


def forms(text: str) -> dict[str, str]:
    """Return a text in every form it is met in."""
    return {
        "text": f"call failed for {text} after 3 tries",
        "json": json.dumps({"a": text, "n": 1}),
        "json in json": json.dumps({"a": json.dumps({"b": text})}),
        "repr": repr({"a": text}),
        "bytes": repr(text.encode()),
        "source line": f'    client = Client("{text}")  # x',
        "url-encoded": urllib.parse.quote(text, safe=""),
        "query": "https://h/x?data=" + urllib.parse.quote_plus(text) + "&z=1",
    }


@pytest.mark.parametrize("form", list(forms("")))
@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_gets_out_of_text(kind: str, form: str) -> None:
    """A canary of every kind vanishes from every form of text, and redacting twice changes nothing."""
    out = REDACTOR.text(forms(KINDS[kind])[form], LIMIT)
    plain = urllib.parse.unquote_plus(out)
    assert not [secret for secret in secrets(kind) if secret in out or secret in plain]
    assert REDACTOR.text(out, LIMIT) == out


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_gets_out_of_a_tree(kind: str) -> None:
    """As value, member, bytes or key of a tree it vanishes too."""
    text = KINDS[kind]
    tree = {
        "x": [text, {"$": "bytes", "utf8": text}, {text: 1}],
        "headers": {"$": "pairs", "v": [["k", text]]},
    }
    out = json.dumps(REDACTOR.tree(tree))
    assert not [secret for secret in secrets(kind) if secret in out]


@pytest.mark.parametrize("line", CLEAN.split("\n"))
def test_clean_text_survives(line: str) -> None:
    """Hashes, ids, code, styles and words about tokens are no secrets."""
    assert REDACTOR.text(line, LIMIT) == line


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "API_KEY",
        "x-api-key",
        "clientSecret",
        "Set-Cookie",
        "dsn",
        "auth",
        "refresh_token",
    ],
)
def test_a_sensitive_key_hides_all_beneath_it(key: str) -> None:
    """Under such a key every leaf goes, the structure stays."""
    tree = {key: {"a": ["hunter2", 17, True, None]}, "n": 5}
    assert REDACTOR.tree(tree) == {key: {"a": ["redacted", 0, True, None]}, "n": 5}


@pytest.mark.parametrize(
    "key",
    [
        "max_tokens",
        "token_count",
        "tokens",
        "keyboard",
        "author",
        "password_changed_at",
        "secret_name",
    ],
)
def test_a_key_about_secrets_hides_nothing(key: str) -> None:
    """Counting tokens is no secret."""
    assert REDACTOR.tree({key: "plain words"}) == {key: "plain words"}


def test_placeholders_are_stable_and_of_the_same_shape() -> None:
    """One key one placeholder, two keys two, of the key's length; an e-mail stays an address."""
    one, two = "sk-proj-Ab3dEf6hIj9lMn0pQr3tUv6xYz9", "sk-proj-Zb3dEf6hIj9lMn0pQr3tUv6xYz9"
    assert REDACTOR.text(one, LIMIT) == Redactor().text(one, LIMIT) != REDACTOR.text(two, LIMIT)
    assert len(REDACTOR.text(one, LIMIT)) == len(one)
    assert REDACTOR.text(one, LIMIT).startswith("sk-proj-redacted")
    assert REDACTOR.text("bob@corp.example.com", LIMIT) == "redacted@example.invalid"
    url = urllib.parse.urlsplit(REDACTOR.text("postgresql://app:hunter2@db:5432/prod", LIMIT))
    assert (url.username, url.hostname, url.port) == ("app", "db", 5432)


def test_what_could_be_guessed_has_a_constant_placeholder() -> None:
    """Passwords of one length class cannot be told apart: a digest could be looked up."""
    assert REDACTOR.text("password=hunter2", LIMIT) == REDACTOR.text("password=letme1n", LIMIT)
    basic = [
        "sent Basic " + base64.b64encode(f"bob:{word}".encode()).decode()
        for word in ("hunter22", "letme1n9")
    ]
    assert REDACTOR.text(basic[0], LIMIT) == REDACTOR.text(basic[1], LIMIT) != basic[0]


@pytest.mark.parametrize(
    "kind", ["openai", "anthropic", "github", "jwt", "pgdsn", "pem", "awssecret"]
)
@pytest.mark.parametrize("offset", range(0, 200, 7))
def test_a_cut_through_a_secret_leaks_no_half(kind: str, offset: int) -> None:
    """Wherever the cut falls, no eight characters of a secret's second half remain."""
    secret = KINDS[kind]
    limit = 400
    for text in (
        "word " * 40 + "x" * (offset % 9) + " " * (offset % 5) + secret + " tail" * 400,
        "word " * 400 + secret + " t" * (offset // 2) + " tail" * 30,
    ):
        out = REDACTOR.text(text, limit)
        assert len(out) <= limit
        part = "c4naryPw" if "c4naryPw" in secret else secret[len(secret) // 2 :][:8]
        assert part not in out


@pytest.mark.parametrize(
    "mark", ["", "sk-", "Bearer ", "password=", "https://h/x?sig=", "https://app:"]
)
@pytest.mark.parametrize("length", [1_100, 1_500, 5_000, 40_000])
def test_a_secret_longer_than_the_margin_leaks_at_no_cut(mark: str, length: int) -> None:
    """Of a key whose beginning lies further back than is looked at, nothing is left at the tail's edge."""
    limit = 400
    secret = ("Ab3dEf6h!Ij9#" * length)[:length]
    for around in ("word " * 100 + f"{mark}{{}}" + " tail" * 30, f"{mark}{{}}" + " tail" * 30):
        tail = REDACTOR.text(around.format(secret), limit).rpartition(GAP)[2]
        assert not [part for part in ("Ab3dEf6h", "Ij9#") if part in tail]


@pytest.mark.parametrize(
    "extra", [lambda text: 1 / 0, lambda text: None, lambda text: text.encode()]
)
def test_a_broken_extra_leaks_nothing(extra: object) -> None:
    """When the application's function fails, a fixed placeholder stands for the whole text."""
    assert Redactor(extra).text("my private words", LIMIT) == EXTRA_FAILED  # type: ignore[arg-type]


def test_the_applications_own_function_is_applied() -> None:
    """What it replaces is gone from texts and trees."""
    redactor = Redactor(lambda text: text.replace("Project X", "project"))
    assert redactor.text("about Project X", LIMIT) == "about project"
    assert redactor.tree(["about Project X"]) == ["about project"]


@given(st.text(max_size=200), st.sampled_from(sorted(KINDS)), st.integers(40, 400))
@settings(max_examples=300)
def test_is_idempotent_and_bounded(around: str, kind: str, limit: int) -> None:
    """Whatever stands around a secret: never longer than allowed, and stable."""
    out = REDACTOR.text(f"{around} {KINDS[kind]} {around[::-1]}", limit)
    assert len(out) <= limit
    assert REDACTOR.text(out, limit) == out


@pytest.mark.parametrize(
    "seed",
    [
        "password=",
        "sk-a",
        "-----BEGIN ",
        "%41",
        "://a:",
        "@a.",
        "4111 ",
        "eyJ",
        "Bearer ",
        '"',
        "token ",
        "+1 ",
    ],
)
def test_is_bounded(seed: str) -> None:
    """A hundred times more of the worst costs no more: only windows of it are looked at."""
    long, longer = (seed * (size // len(seed)) for size in (200_000, 20_000_000))
    assert len(REDACTOR.text(longer, 2_048)) <= 2_048
    # Asked anew each time: what was found harmless is remembered.
    ask = lambda text: lambda: Redactor().text(text, 2_048)  # noqa: E731
    assert growth(ask(long), ask(longer)) < 10
    quarter, whole = (seed * (size // len(seed)) for size in (500, 2_000))
    assert growth(ask(quarter), ask(whole)) < 11  # sixteen, were it quadratic


def test_what_is_remembered_to_be_harmless_is_no_secret_and_bounded() -> None:
    """Asked again, a text gives the same; many texts cost bounded memory; an own rule is always asked."""
    redactor = Redactor()
    secret = f"refused {KINDS['openai']}"
    assert [redactor.text(secret, LIMIT) for _ in range(2)] == [REDACTOR.text(secret, LIMIT)] * 2
    assert KINDS["openai"] not in redactor.text(secret, LIMIT)
    for number in range(2_000):
        assert redactor.text(f"no files for {number}", LIMIT) == f"no files for {number}"
    assert len(redactor._harmless) <= 256
    assert redactor.text("no files for 1999 in app.tsx", 20) == REDACTOR.text(
        "no files for 1999 in app.tsx", 20
    )
    asked: list[str] = []
    own = Redactor(extra=lambda text: asked.append(text) or text)  # type: ignore[func-returns-value]
    own.text("no plan", LIMIT), own.text("no plan", LIMIT)
    assert len(asked) >= 2
