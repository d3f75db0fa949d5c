"""Connection strings are shown without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.addresses import is_parseable, mask_url, secrets_of

SECRET = "hunter2hunter2"

#: What is given, with ``PW`` for a password -> what is shown.
SHOWN = {
    # understood
    "postgresql://u:PW@h/d": "postgresql://u:***@h/d",
    "postgresql+psycopg://u:PW@h:5432/d?sslmode=require": (
        "postgresql+psycopg://u:***@h:5432/d?sslmode=require"
    ),
    "postgresql://u:PW/with?signs:%40@h/d": "postgresql://u:***@h/d",
    "postgresql://u:PW@[::1]:5432/d": "postgresql://u:***@[::1]:5432/d",
    "postgresql://u@h/d": "postgresql://u@h/d",
    "postgresql://u:@h": "postgresql://u:***@h",
    "postgresql:///d?host=/run/postgresql&user=u": "postgresql:///d?host=/run/postgresql&user=u",
    "postgresql://u@h/d?password=PW": "postgresql://u@h/d?password=***",
    "postgresql://u@h/d?PASSWORD=PW&sslmode=prefer": (
        "postgresql://u@h/d?PASSWORD=***&sslmode=prefer"
    ),
    "postgresql://u@h/d?sslpassword=PW": "postgresql://u@h/d?sslpassword=***",
    "postgresql://u@h/d?badoption=PW": "postgresql://u@h/d?badoption=***",
    "postgresql://u@h/d?PW": "postgresql://u@h/d?***",
    "sqlite:////srv/genmon.db": "sqlite:////srv/genmon.db",
    "sqlite:////srv/genmon.db?mode=ro&key=PW": "sqlite:////srv/genmon.db?mode=ro&key=***",
    "/srv/app@work/genmon.db": "/srv/app@work/genmon.db",
    "data:base.db": "data:base.db",
    "C:\\genmon\\genmon.db": "C:\\genmon\\genmon.db",
    "postgresql://u@h/d?host=u:PW@h2": "postgresql://u@h/d?host=***",
    "postgresql://u@h/d?dbname=postgresql:%2F%2Fu:PW%40h2/d": "postgresql://u@h/d?dbname=***",
    "postgresql://u@h/d?options=-c%20a=PW&port=1": "postgresql://u@h/d?options=***&port=1",
    "https://PW@h/v1": "https://***@h/v1",
    "https://u:PW@h/v1": "https://u:***@h/v1",
    # not understood: the scheme alone
    "postgresql://h/d;password=PW": "postgresql://***",
    "postgresql:/u:PW@h/d": "postgresql://***",
    "postgresql://u:x@h/d#PW": "postgresql://***",
    "postgresql://u:x@h/d?sslmode=require#PW": "postgresql://***",
    "sqlite:////srv/genmon.db?mode=ro#PW": "sqlite://***",
    "postgresql:u:PW@h/d": "postgresql://***",
    "postgres:/u:PW@h/d": "postgres://***",
    "postgresql://u:a@PW@host/d": "postgresql://***",
    "postgresql://u:PW@b@host/d": "postgresql://***",
    "postgresql://u/x:PW@host/d": "postgresql://***",
    "postgresql://u:PW@h:port/d": "postgresql://***",
    "postgresql://u:PW@h:54x2/d": "postgresql://***",
    "postgresql://u:PW@[::1/d": "postgresql://***",
    "postgresql://u:PW@[zz]/d": "postgresql://***",
    "postgresql://u:PW@h h/d": "postgresql://***",
    "postgresql://u PW:@h@x/d": "postgresql://***",
    "mysql:/u:PW@h/d": "mysql://***",
    "sqlite://u:PW@h/d": "sqlite://***",
    "u:PW@h/d": "***",
    "user:PW@h": "***",
    "host=db password=PW": "***",
    "password = PW": "***",
    "//u:PW@h/d": "***",
    "postgresql//u:PW@h/d": "***",
    "/srv/u:PW@h/d": "***",
    "C:\\u:PW@h": "***",
    "u/PW@h:1521/x": "***",
}


def test_every_connection_string_is_shown_without_its_secret() -> None:
    """Each given string is shown as the table says; none of what is not a path shows the secret."""
    wrong = []
    for given_url, shown in SHOWN.items():
        if mask_url(given_url.replace("PW", SECRET)) != shown.replace("PW", SECRET):
            wrong.append((given_url, mask_url(given_url)))
    assert not wrong


def test_secrets_are_found_for_whoever_quotes_a_driver() -> None:
    """The secrets of a connection string are returned as written in it."""
    assert secrets_of("postgresql://u:a%40b@h/d?sslmode=require&key=c") == ("a%40b", "c")
    assert secrets_of("postgresql://u@h/d?host=u:p@h2&port=1") == ("u:p@h2",)
    assert secrets_of("postgresql://u@h/d") == ()
    assert secrets_of("/srv/genmon.db") == ()
    assert not is_parseable("postgresql://u:a@b@h/d")


@given(
    user=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    password=st.text(
        st.characters(codec="utf-8", exclude_characters="\n\r\t"), min_size=6, max_size=30
    ),
)
def test_a_masked_url_never_shows_its_password(user: str, password: str) -> None:
    """Whatever the password, the connection string is masked, or its scheme alone is shown."""
    masked = mask_url(f"postgresql://{user}:{password}@db.internal/genmon")
    assert masked in (f"postgresql://{user}:***@db.internal/genmon", "postgresql://***")


@given(text=st.text(max_size=60), scheme=st.sampled_from(["postgresql", "sqlite", "x+y"]))
def test_masking_never_fails_and_is_idempotent(text: str, scheme: str) -> None:
    """Any text can be masked; masking again changes nothing."""
    masked = mask_url(f"{scheme}://{text}")
    assert mask_url(masked) == masked


@pytest.mark.parametrize("port", ["", "0", "5432", "99999999999"])
def test_a_port_is_a_number(port: str) -> None:
    """Digits only are a port here; whether one is open is the driver's business."""
    assert is_parseable(f"postgresql://h:{port}/d")
