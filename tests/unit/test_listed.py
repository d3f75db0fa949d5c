"""How many items a message lists does not count, nor in which order where there is none."""

from __future__ import annotations

from collections.abc import Callable

import marshmallow
import pydantic
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.classification import classify
from genmon_otel.fingerprint import normalise
from genmon_otel.fingerprint.listed import bound_once, distinct, members_once
from genmon_otel.recorder.diagnosis.messages import said_by


class Page(pydantic.BaseModel):
    """An item."""

    title: str
    order: int = 0


class Site(pydantic.BaseModel):
    """What lists them."""

    pages: list[Page]


class PageSchema(marshmallow.Schema):
    """The same item."""

    title = marshmallow.fields.Str(required=True)


class SiteSchema(marshmallow.Schema):
    """The same list."""

    pages = marshmallow.fields.List(marshmallow.fields.Nested(PageSchema))


APPS = sa.Table("apps", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("name", sa.Text))
ENGINE = sa.create_engine("sqlite://")


def refused(call: Callable[..., object], *given: object) -> str:
    """What counts of the error that a call raises."""
    with pytest.raises(Exception) as caught:
        call(*given)
    return normalise(said_by(caught.value, classify(caught.value)))


@pytest.mark.parametrize("missing", [{"order": 1}, {"title": "x", "order": "many"}])
def test_pydantics_items_count_once(missing: dict[str, object]) -> None:
    """The same field of one, two, four or four hundred items, at any place in the list."""
    good = {"title": "x"}
    seen = {
        refused(Site.model_validate, {"pages": [good] * before + [missing] * many})
        for many in (1, 2, 4, 400)
        for before in (0, 3)
    }
    assert len(seen) == 1
    other = refused(Site.model_validate, {"pages": [{"order": "many"}]})
    assert other not in seen


def test_marshmallows_items_count_once() -> None:
    """Its errors are keyed by the items' places."""
    seen = {refused(SiteSchema().load, {"pages": [{}] * many}) for many in (1, 2, 90)}
    assert len(seen) == 1


def test_values_of_a_statement_count_once() -> None:
    """``IN`` and ``VALUES`` with one value or with hundreds; another table or column is another failure."""

    def run(statement: sa.Executable) -> str:
        with ENGINE.connect() as connection:
            return refused(connection.execute, statement)

    asked = {
        run(sa.select(APPS).where(APPS.c.id.in_(range(many))).order_by(APPS.c.name))
        for many in (1, 2, 5, 60, 300, 900)
    }
    given_ = {
        run(sa.insert(APPS).values([{"id": n, "name": "x"} for n in range(many)]))
        for many in (1, 2, 5, 60, 300)
    }
    assert (len(asked), len(given_)) == (1, 1)
    assert run(sa.select(APPS.c.id).where(APPS.c.id.in_([1, 2]))) not in asked


@pytest.mark.parametrize("bound", ["?", "%s", "${n}", ":id_{n}", "%(id_{n})s", "${n}::INTEGER"])
def test_each_drivers_way_to_write_a_value(bound: str) -> None:
    """One value of a list is left, whatever it looks like."""
    seen = {normalise(f"DELETE FROM t WHERE id IN ({bound.format(n=7)})")}
    for many in (2, 5, 500):
        values = ", ".join(bound.format(n=n) for n in range(1, many + 1))
        statement = f"DELETE FROM t WHERE id IN ({values})"
        assert bound_once(statement) == f"DELETE FROM t WHERE id IN ({bound.format(n=1)})"
        error = ValueError(statement)
        seen.add(normalise(said_by(error, classify(error))))
    assert len(seen) == 1


TEXTS = st.lists(
    st.sampled_from([*"[](){},'", "a", " ", ", ", "<n>", "<n>: ", "'x'", "\n", "3: ", "  ", "1 validation error for X\n"]),
    max_size=40,
).map("".join) | st.text(max_size=60)  # fmt: skip


@given(TEXTS)
def test_any_text_settles(text: str) -> None:
    """What is listed once stays as it is, and nothing breaks it."""
    once = members_once(text)
    assert members_once(once) == once
    assert distinct(distinct(text)) == distinct(text)


def test_sets_have_no_order() -> None:
    """Two runs print a set in two orders; a tuple's order is its own."""
    assert members_once("lacks {'b', 'a'}") == members_once("lacks {'a', 'b'}")
    assert members_once("at ('b', 'a')") != members_once("at ('a', 'b')")
