"""No secret gets out, clean text is left alone, and what stands in place is stable."""

from __future__ import annotations

import base64
import json
import urllib.parse

from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.redaction import EXTRA_FAILED, Redactor
from genmon_otel.text import GAP
from tests.table_kit import each, rows
from tests.work_kit import growth

REDACTOR = Redactor()
LIMIT = 8_192

#: One secret of each kind, made up. ``c4naryPw`` marks where the secret is only a part.
KINDS: dict[str, str] = {row["kind"]: row["text"] for row in rows("redaction/kinds.jsonl")}


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


@each("kind, form", KINDS, forms(""))
def test_no_secret_gets_out_of_text(kind: str, form: str) -> None:
    """A canary of every kind vanishes from every form of text, and redacting twice changes nothing."""
    out = REDACTOR.text(forms(KINDS[kind])[form], LIMIT)
    plain = urllib.parse.unquote_plus(out)
    assert not [secret for secret in secrets(kind) if secret in out or secret in plain]
    assert REDACTOR.text(out, LIMIT) == out


@each("kind", KINDS)
def test_no_secret_gets_out_of_a_tree(kind: str) -> None:
    """As value, member, bytes or key of a tree it vanishes too."""
    text = KINDS[kind]
    tree = {
        "x": [text, {"$": "bytes", "utf8": text}, {text: 1}],
        "headers": {"$": "pairs", "v": [["k", text]]},
    }
    out = json.dumps(REDACTOR.tree(tree))
    assert not [secret for secret in secrets(kind) if secret in out]


@each("line", rows("redaction/clean.jsonl"))
def test_clean_text_survives(line: str) -> None:
    """Hashes, ids, code, styles and words about tokens are no secrets."""
    assert REDACTOR.text(line, LIMIT) == line


@each(
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


@each(
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


@each(
    "kind, offset",
    ["openai", "anthropic", "github", "jwt", "pgdsn", "pem", "awssecret"],
    range(0, 200, 7),
)
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


@each(
    "mark, length",
    ["", "sk-", "Bearer ", "password=", "https://h/x?sig=", "https://app:"],
    [1_100, 1_500, 5_000, 40_000],
)
def test_a_secret_longer_than_the_margin_leaks_at_no_cut(mark: str, length: int) -> None:
    """Of a key whose beginning lies further back than is looked at, nothing is left at the tail's edge."""
    limit = 400
    secret = ("Ab3dEf6h!Ij9#" * length)[:length]
    for around in ("word " * 100 + f"{mark}{{}}" + " tail" * 30, f"{mark}{{}}" + " tail" * 30):
        tail = REDACTOR.text(around.format(secret), limit).rpartition(GAP)[2]
        assert not [part for part in ("Ab3dEf6h", "Ij9#") if part in tail]


@each("extra", [lambda text: 1 / 0, lambda text: None, lambda text: text.encode()])
def test_a_broken_extra_leaks_nothing(extra: object) -> None:
    """When the application's function fails, a fixed placeholder stands for the whole text."""
    assert Redactor(extra).text("my private words", LIMIT) == EXTRA_FAILED  # type: ignore[arg-type]


def test_the_applications_own_function_is_applied() -> None:
    """What it replaces is gone from texts and trees."""
    redactor = Redactor(lambda text: text.replace("Project X", "project"))
    assert redactor.text("about Project X", LIMIT) == "about project"
    assert redactor.tree(["about Project X"]) == ["about project"]


@given(st.text(max_size=200), st.sampled_from(sorted(KINDS)), st.integers(40, 400))
def test_is_idempotent_and_bounded(around: str, kind: str, limit: int) -> None:
    """Whatever stands around a secret: never longer than allowed, and stable."""
    out = REDACTOR.text(f"{around} {KINDS[kind]} {around[::-1]}", limit)
    assert len(out) <= limit
    assert REDACTOR.text(out, limit) == out


@each(
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
