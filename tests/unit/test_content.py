"""What people asked for and models answered is hidden in errors that quote it."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from genmon_otel import current_generation, generation
from genmon_otel.recorder.diagnosis.content import CONTENT, Contents, hide, hide_all
from genmon_otel.testing import capture
from genmon_otel.text import GAP

#: Characters of a content that must not be told in one piece.
PIECE = 16
_letters = st.text("ab \\\n\"'", max_size=120)
_words = st.text("abcdefghijklm nop", max_size=120)


@st.composite
def _quoting(draw: st.DrawFn) -> tuple[list[str], str]:
    """Draw contents and a text that holds parts of them, also as ``repr`` writes them."""
    contents = draw(st.lists(st.one_of(_letters, _words), min_size=1, max_size=4))
    text = ""
    for _ in range(draw(st.integers(0, 5))):
        content = draw(st.sampled_from(contents))
        begin = draw(st.integers(0, len(content)))
        part = content[begin : draw(st.integers(begin, len(content)))]
        text += draw(st.text("xyz ", max_size=20)) + draw(st.sampled_from([part, repr(part)[1:-1]]))
    return contents, text


@given(_quoting())
@example((["what a user asked for"], "no such file: 'what a user asked for'"))
@example((["asked for"], "asked for it"))
@example(([" " * 40], " " * 60))
def test_no_piece_of_a_content_is_told(drawn: tuple[list[str], str]) -> None:
    """Neither 16 characters of a content nor a whole shorter one, raw or quoted."""
    contents, text = drawn
    forms = {form for each in contents for form in (each, repr(each)[1:-1])}
    for kept in hide(text, Contents(contents)).split(CONTENT):
        for at in range(len(kept) - PIECE + 1):
            piece = kept[at : at + PIECE]
            assert len(piece.strip()) < PIECE or not any(piece in form for form in forms)
        assert not any(each.strip() in kept for each in contents if 8 <= len(each.strip()) < PIECE)


@given(st.text("ab \n", min_size=16, max_size=60), st.text("ab \n", max_size=200))
def test_how_much_else_is_looked_for_changes_nothing(content: str, text: str) -> None:
    """A text that quotes a content is told alike beside one content and beside hundreds of pieces."""
    others = ["".join(chr(0x4E00 + 8 * n + m) for m in range(8)) * 2 for n in range(100)]
    quoting = f"{text}{content[3:]}{text}"
    assert hide(quoting, Contents([content])) == hide(quoting, Contents([content, *others]))


def test_nothing_else_is_hidden() -> None:
    """Of what the contents do not hold every character stays."""
    contents = Contents(["please build me a shop for shoes", "short one"])
    for text in ("Traceback: KeyError 'shoe size'", "build me a", "", " " * 200):
        assert hide(text, contents) == text


def test_texts_that_are_hidden_together_stay_apart() -> None:
    """A content that the end of one text and the beginning of the next make up is in neither."""
    contents = Contents(["build a shop for red shoes"])
    assert hide_all(("said: build a shop", " for red shoes"), contents) == [
        "said: build a shop",
        " for red shoes",
    ]
    quoted = "no build a shop for red shoes!"
    assert hide_all((quoted, "", quoted), contents) == [f"no {CONTENT}!", "", f"no {CONTENT}!"]


def test_what_takes_too_long_counts_as_content() -> None:
    """Of a text with more alike pieces than are compared, nothing is told; what came before it is."""
    contents = Contents([f"{number:03} has a score of 0" for number in range(400)])
    text = "".join(f" {number:03} has a score of 1" for number in range(400))
    assert hide_all(("a message", text, "behind"), contents) == ["a message", CONTENT, CONTENT]


def test_ends_of_a_cut_content_are_hidden() -> None:
    """At every gap of a text, where a content was cut in the middle of a piece."""
    contents = Contents(["build a shop for red shoes"])
    text = f"1: build a s{GAP}red shoes 2: build a{GAP}shoes"
    assert hide(text, contents) == f"1: {CONTENT}{GAP}{CONTENT} 2: {CONTENT}{GAP}{CONTENT}"


def test_what_is_said_beside_a_failure_is_bounded() -> None:
    """Values that fit are kept, those that do not are opaque; a new value frees the old one's place."""

    @generation("bounded")
    def build() -> None:
        for number in range(40):
            current_generation().set(**{f"text_{number}": "x" * 3_000})
        for number in range(100):
            current_generation().set(text_0=f"{number:03}" + "y" * 2_000)
        raise ValueError("no")

    with capture() as seen:
        try:
            build()
        except ValueError:
            pass
    context = seen.records[0].context
    assert len(context) == 32
    assert context["text_0"] == "099" + "y" * 2_000
    assert [key for key, value in context.items() if isinstance(value, str)] == ["text_0", "text_1"]
    assert context["text_2"]["why"] == "size"
