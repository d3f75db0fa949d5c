"""Redacting and hiding content take time that grows no faster than the text: texts made to be slow."""

from __future__ import annotations

import base64
import itertools
import random

import pytest

from genmon_otel.decorators import generation
from genmon_otel.recorder.diagnosis.content import Contents, hide
from genmon_otel.redaction import Redactor
from genmon_otel.testing import capture
from tests.work_kit import growth

REDACTOR = Redactor()
#: What expressions begin with, and what makes them try again.
OPENERS = (
    "-----BEGIN ", "-----END ", "-----BEGIN RSA PRIVATE KEY-----", "-----END PRIVATE KEY-----",
    '"', "'", "`", "\\", '\\"', "<", ">", "{", "}", "[", "]", "(", ")", "eyJ", "eyJa.", "://", "://a:", "@", "a@", "a:b@",
    "=", "1", "12 ", "4111 ", "+49", "+1 ", "0", "01 ", " ", "\t", "\r\n", "\n", "a", "A", "a.", "a-", "_", ",", ";", "&", "|", ":", "$",
    "%", "%41", "Bearer ", "sk-", "key-", "ghp_", "DE89", "GB29 ", "AKIA", "EAAA", "xoxb-", "$2y$", "${", "...", "é", "İ",
    "password", "password ", "password=", "password: ", 'password":"', "password is ", "password for a ", "password->",
    "password=[", "password={", "password=(", 'password="${', 'password="""', "password='\\'", 'password("', "--password ",
    "token ", "token=[", "secret={", "密码", "密码：", "пароль", "mot de passe", "| password |", "|---|\n", "password,b\n",
    "<password>", "<td>", "<td>password</td>", "<th>password</th>", "<tr>", 'name="password"', '{"name": "password",', "value=",
    "input_value=", "password\n  x [type=a, input_value='", "On instance['password']", "(password) VALUES (", "VALUES (",
    "machine a login b password ", "IDENTIFIED BY ", "echo ", "curl -u ", " -p mysql", "login -p", "-u a:", "phone ", "a:5432:b:c:",
    "a  password\n", "||password||\n", "kind: Secret\ndata:\n", "kind: Secret\n", " a: b\n", "Enter your password:\n", 'variable "password" {',
    '"@', " (at) ", "Private-Lines: 1\n", "${password:", 'value: "a', "DB_PASSWORD=a b 1 ", "a1b2c3 is the password", "Q~", "-us1", '{"op":"add","path":"/password",',
)  # fmt: skip
_CHANCE = random.Random(3)
PAIRS = [tuple(_CHANCE.sample(OPENERS, 2)) for _ in range(60)]
#: The first in every run.
PARTS = [0, *(pytest.param(n, marks=pytest.mark.long("measures 100 texts")) for n in (1, 2, 3))]
#: Four times the text: quadratic work is sixteen times as much.
SMALL, LARGE = 4_096, 16_384
MOST = 10.0
#: Work that is bounded may take a little longer where more memory is touched; linear takes four times.
FLAT = 2.0


def sized(unit: str, size: int) -> str:
    """Repeat a text up to a size."""
    return (unit * (size // len(unit) + 1))[:size]


def texts(size: int, *units: str) -> list[str]:
    """Return the texts that openers are repeated in: together, and one after the other."""
    together = sized("".join(units), size)
    return (
        [together]
        if len(units) == 1
        else [together, "".join(sized(unit, size // len(units)) for unit in units)]
    )


def too_fast(openers: list[tuple[str, ...]]) -> list[str]:
    """Return the texts of which four times as much costs far more, and sixteen times as much again.

    A text may cost more from some size on without growing faster: another rule begins there.
    """
    wrong = []
    for units in openers:
        for number in range(min(2, len(units))):
            grown = growth_of(units, number, SMALL)
            if grown >= MOST:
                grown = growth_of(units, number, LARGE)
            if grown >= MOST:
                wrong.append(f"{units}: {grown:.1f} times")
    return wrong


def growth_of(units: tuple[str, ...], number: int, size: int) -> float:
    """Return how many times as long four times that much of a text takes."""
    less, more = texts(size, *units)[number], texts(4 * size, *units)[number]
    return growth(lambda: REDACTOR.tree(less), lambda: REDACTOR.tree(more), enough=MOST)


@pytest.mark.parametrize("part", PARTS)
def test_redacting_is_linear(part: int) -> None:
    """Of every opener, repeated alone, four times as much takes no sixteen times as long."""
    assert not (wrong := too_fast([(opener,) for opener in OPENERS[part::4]])), "\n".join(wrong)


@pytest.mark.parametrize("part", PARTS)
def test_redacting_is_linear_in_two_openers(part: int) -> None:
    """Nor of two of them, in turns and one behind the other."""
    assert not (wrong := too_fast(PAIRS[part::4])), "\n".join(wrong)


def test_a_text_of_nothing_but_names_is_bounded_for_a_caller() -> None:
    """What follows so many names is hidden, and stays as it is when it is redacted again."""
    out = REDACTOR.text("password: " * 200 + "hunter2", 2_048)
    assert out.endswith("x")
    assert "hunter2" not in out
    assert REDACTOR.text(out, 2_048) == out


def test_names_without_values_leave_the_end_of_a_stack() -> None:
    """Frames name tokens and keys by the dozen: what was raised stays to be read."""
    frames = '  File "/srv/app/auth/token.py", line 3, in check_token\n    token = get_token(key)\n'
    stack = f"Traceback (most recent call last):\n{frames * 12}ValueError: expired yesterday"
    assert REDACTOR.text(stack, 4_096).endswith("ValueError: expired yesterday")


@pytest.mark.parametrize("unit", ["\\", "ab", "a b c d ", '"', "{'a': "])
def test_hiding_content_is_linear(unit: str) -> None:
    """A message that repeats the request costs no more the more alike both are."""
    short, long = (Contents([sized(unit, size)]) for size in (16_384, 65_536))
    message = sized(unit, 4_096)
    assert (
        growth(
            lambda: hide(message, Contents(short.texts)),
            lambda: hide(message, Contents(long.texts)),
        )
        < MOST
    )
    assert hide(message, long) == "<content>"


def test_input_values_without_end_are_hidden_in_linear_time() -> None:
    """Gaps without number, each of which could be where pydantic's quotation was cut."""
    short, long = (f"input{sized(' … ', size)}, input_type=str" for size in (8_192, 32_768))
    assert growth(lambda: hide(short, Contents(())), lambda: hide(long, Contents(()))) < MOST
    assert hide("x … my words, input_type=str]", Contents(())) == "x … <content>, input_type=str]"


#: What a message and a request of a failing call are made of.
SAID = (
    "the quick brown fox ", "a", "\\", "line one\r\n", '{"id": 1, "name": "item"}, ', "<p>hello</p>\n",
    base64.b64encode(random.Random(5).randbytes(3_000)).decode(), "1", "password=", "password=hunter2\n", '"', " ",
    "-----BEGIN ", "\n", "\x1b[0m", "%41", "пароль ", "https://a.b/c?d=e&", "a@b.", "-u a:b ", "key: value, ",
)  # fmt: skip
_NUMBERS = itertools.count()


@generation
def fails(request: str, message: str) -> None:
    """Raise a message."""
    raise ValueError(message)


def fail(message: str) -> None:
    """Call what fails, with a text that no call had before."""
    text = f"{next(_NUMBERS)} {message}"
    with pytest.raises(ValueError, match=r"[0-9]"):
        fails(text, text)


@pytest.mark.parametrize("part", range(3))
def test_what_a_failing_call_costs_its_caller_is_bounded(part: int) -> None:
    """Of a message that repeats the request four times as much costs no four times as much."""
    wrong = []
    with capture():
        fail("warm")
        for unit in SAID[part::3]:
            short, long = sized(unit, 131_072), sized(unit, 524_288)
            grown = growth(lambda: fail(short), lambda: fail(long), 12, enough=FLAT)  # noqa: B023
            if grown >= FLAT:
                wrong.append(f"{unit[:20]!r}: {grown:.1f} times")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("unit", SAID)
def test_redacting_a_tree_of_one_long_text_is_linear(unit: str) -> None:
    """At sizes of real texts, too: 64 and 256 KB."""
    short, long = sized(unit, 65_536), sized(unit, 262_144)
    assert growth(lambda: REDACTOR.tree(short), lambda: REDACTOR.tree(long), enough=MOST) < MOST
