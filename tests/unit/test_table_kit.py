"""A table that one test goes through tells every row that does not hold."""

from __future__ import annotations

import pytest

from tests.table_kit import each


def test_every_mismatch_is_told_with_its_row() -> None:
    """Rows before and after a mismatch are checked, too; fixtures are passed on."""
    seen: list[int] = []

    @each("number, text", [(1, "one"), (2, "zwei"), (3, "drei")])
    def check(number: int, text: str, fixture: str) -> None:
        seen.append(number)
        assert text == fixture

    with pytest.raises(pytest.fail.Exception) as told:
        check(fixture="one")
    assert seen == [1, 2, 3]
    assert "2 of 3" in str(told.value)
    assert "row 2: 2, zwei" in str(told.value)
    assert "row 3: 3, drei" in str(told.value)


def test_tables_are_combined_and_never_empty() -> None:
    """Several tables give every combination; a table without rows would check nothing."""
    seen: list[tuple[str, int]] = []

    @each("letter, number", "ab", [1, 2])
    def check(letter: str, number: int) -> None:
        seen.append((letter, number))

    check()
    assert seen == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    with pytest.raises(AssertionError, match="empty"):
        each("x", [])
