"""Read what a reviewer typed into the page's forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from genmon_otel.errors import ConfigurationError
from genmon_otel.regression.cases.needs import Needs, parse_recovery, parse_variable

#: Fields of a form.
_MOST_FIELDS = 100


async def read_form(request: Request) -> Mapping[str, str]:
    """Read a form: its last value by each name, without space around it."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise ConfigurationError(f"A form has at most {_MOST_FIELDS} fields.") from None
    return {name: value.strip() for name, value in pairs}


def needs_of(form: Mapping[str, str]) -> Needs:
    """Return what the fields for recoveries, variables, programs and live steps say.

    Raises:
        ConfigurationError: a line is not what its field takes. A name alone takes no value: this
            server's own variables are none of a reviewer's.
    """
    return Needs(
        recovery=dict(parse_recovery(line) for line in _lines(form, "recovery")),
        live=tuple(_lines(form, "live")),
        env=dict(parse_variable(line, {}) for line in _lines(form, "env")),
        programs=tuple(_lines(form, "programs")),
    )


def _lines(form: Mapping[str, str], name: str) -> Iterable[str]:
    return (line.strip() for line in form.get(name, "").splitlines() if line.strip())
