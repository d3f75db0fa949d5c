"""Payloads of frames: round trips, two kibibytes, two versions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.errors import ConfigurationError
from genmon_otel.journal.payloads import (
    MAX_RECORD,
    check_format,
    decode_record,
    decode_recording,
    decode_running,
    encode_header,
    encode_record,
    encode_recording,
    encode_running,
)
from genmon_otel.records import (
    Category,
    Failure,
    GenerationRecord,
    InFlight,
    Outcome,
    Recording,
    Severity,
    Stage,
    StepFault,
    StepRecord,
)

# Lone surrogates, NUL and all: the journal must not be what breaks.
TEXT = st.text(max_size=20)
LONG = st.text(max_size=4000)
WORDS = st.none() | TEXT
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FAILURES = st.builds(
    Failure,
    category=st.sampled_from(Category.known()) | st.just(Category("of_their_own")),
    severity=st.sampled_from(Severity),
    error_type=TEXT,
    error_message=LONG,
    stack_trace=LONG,
    fingerprint=st.just("v2:" + "a" * 32),
    signature=st.just("v2:" + "b" * 32),
    trigger_signature=WORDS,
    trigger=st.sampled_from(["fault", "content", "input"]),
    stage=TEXT,
    function=TEXT,
    file=LONG,
    line=st.integers(0, 10_000),
    origin=st.sampled_from(["generation", "foreign_span"]),
    corrected=st.none(),
)
RECORDS = st.builds(
    GenerationRecord,
    generation_id=st.just("0123456789abcdef" * 2),
    operation=TEXT,
    framework=TEXT,
    outcome=st.sampled_from(Outcome),
    started_at=st.floats(0, 2e9),
    ended_at=st.floats(0, 2e9),
    duration_s=st.floats(0, 1e6),
    user_id=WORDS,
    project_id=st.none() | LONG,
    user_request=st.none() | LONG,
    trace_id=WORDS,
    span_id=WORDS,
    code_version=WORDS,
    file_count=st.none() | st.integers(0, 500),
    tokens=st.dictionaries(TEXT, st.integers(0, 10**6), max_size=3),
    context=st.dictionaries(TEXT, TREES, max_size=3),
    stages=st.lists(
        st.builds(
            Stage,
            name=LONG,
            kind=st.sampled_from(["phase", "step"]),
            duration_s=st.floats(0, 100),
            outcome=st.sampled_from(Outcome),
        ),
        max_size=12,
    ).map(tuple),
    step_faults=st.lists(st.builds(StepFault, TEXT, TEXT, st.integers(1, 5)), max_size=5).map(
        tuple
    ),
    failure=st.none() | FAILURES,
    strike_key=WORDS,
)


@given(RECORDS)
def test_a_record_with_room_comes_back_whole(record: GenerationRecord) -> None:
    """Nothing is lost but the request, which is not redacted yet."""
    back, position, newer = decode_record(encode_record(record, limit=10**6))
    record = record._replace(user_request=None)
    assert (back, position, newer) == (record, None, False)


#: Twelve bytes a character in ASCII JSON, in every field at once.
EMOJI = "\U0001f600" * 4000


def test_texts_of_twelve_bytes_a_character_fit() -> None:
    """What a journal frame holds is counted in bytes, not in characters; a short stack has its room as well."""
    for stack in ("", "\x92\x18\U0005f03dY", EMOJI):
        failure = Failure(
            Category.UNKNOWN, Severity.MEDIUM, EMOJI, EMOJI, stack, "v2:" + "a" * 32, "v2:" + "b" * 32,
            trigger_signature=EMOJI, stage=EMOJI, function=EMOJI, file=EMOJI, answer_of=EMOJI,
            failed_step=EMOJI, rule=EMOJI, words=EMOJI,
        )  # fmt: skip
        record = GenerationRecord(
            "a" * 32, EMOJI, EMOJI, Outcome.FAILURE, 1.0, 2.0, 1.0,
            user_id=EMOJI, project_id=EMOJI, code_version=EMOJI, strike_key=EMOJI, failure=failure,
            stages=(Stage(EMOJI, "step", 1.0, Outcome.FAILURE),) * 9,
        )  # fmt: skip
        data = encode_record(record)
        assert len(data) <= MAX_RECORD
        back, _, _ = decode_record(data)
        assert back.failure is not None
        assert back.failure.fingerprint == failure.fingerprint
        assert bool(back.failure.stack_trace) == bool(stack)


@given(st.integers(0, 80), st.text(min_size=1, max_size=60))
def test_a_short_stack_has_its_room(room: int, stack: str) -> None:
    """However little room the rest leaves, the frame stays within its limit."""
    failure = Failure(
        Category.UNKNOWN, Severity.MEDIUM, "E", "m" * 190, "", "v2:" + "a" * 32, "v2:" + "b" * 32
    )
    record = GenerationRecord(
        "a" * 32, "op", "none", Outcome.FAILURE, 1.0, 2.0, 1.0, failure=failure
    )
    limit = len(encode_record(record)) + room
    record = record._replace(failure=failure._replace(stack_trace=stack), context={"c": "x" * 400})
    assert len(encode_record(record, limit=limit)) <= limit


@given(RECORDS)
def test_a_record_fits_and_keeps_what_names_it(record: GenerationRecord) -> None:
    """A frame has at most 2 KiB; identity, times, category and fingerprint are never cut."""
    data = encode_record(record)
    assert len(data) <= MAX_RECORD
    back, _, _ = decode_record(data)
    for name in ("generation_id", "outcome", "started_at", "ended_at", "duration_s"):
        assert getattr(back, name) == getattr(record, name)
    if record.failure is not None:
        assert back.failure is not None
        for name in ("category", "severity", "fingerprint", "signature", "trigger", "line"):
            assert getattr(back.failure, name) == getattr(record.failure, name)


def test_the_stack_gives_way_before_the_message() -> None:
    """What is cut first is what is longest and least needed."""
    record = GenerationRecord(
        "a" * 32, "op", "none", Outcome.FAILURE, 1.0, 2.0, 1.0,
        user_id="u-1",
        stages=(Stage("chat", "step", 1.0, Outcome.FAILURE),),
        failure=Failure(
            Category.UNKNOWN, Severity.MEDIUM, "ValueError", "no such thing", "line\n" * 2000,
            "v2:" + "a" * 32, "v2:" + "b" * 32,
        ),
    )  # fmt: skip
    back, _, _ = decode_record(encode_record(record))
    assert back.failure is not None
    assert back.failure.error_message == "no such thing"
    assert back.user_id == "u-1"
    assert 600 < len(back.failure.stack_trace) < MAX_RECORD
    assert back.last_step == "chat"


def test_what_is_no_json_costs_its_context_only() -> None:
    """A context that slipped through unencoded does not lose the record."""
    loop: dict[str, object] = {}
    loop["loop"] = loop
    record = GenerationRecord(
        "a" * 32, "op", "none", Outcome.REJECTED, 1.0, 2.0, 1.0, context={"bad": loop}
    )
    back, _, _ = decode_record(encode_record(record))
    assert back.outcome is Outcome.REJECTED
    assert back.context == {}


@given(RECORDS, st.integers(0, 2**40))
def test_the_position_of_a_spilled_record(record: GenerationRecord, position: int) -> None:
    """A spilled record says in which batch it may be stored already."""
    assert decode_record(encode_record(record, position=position))[1] == position


@given(
    st.builds(
        Recording,
        generation_id=TEXT,
        fingerprint=TEXT,
        operation=TEXT,
        target=TEXT,
        inputs=TREES,
        steps=st.lists(
            st.builds(
                StepRecord,
                name=TEXT,
                arguments=TREES,
                kind=st.sampled_from(["value", "exception", "hang", "stream"]),
                outcome=TREES,
                stream_error=TREES,
                started_s=st.floats(0, 10),
                ended_s=st.none() | st.floats(0, 10),
                digest=TEXT,
                is_async=st.booleans(),
            ),
            max_size=3,
        ).map(tuple),
        trigger_step=st.none() | st.integers(0, 3),
        duration_s=st.floats(0, 10),
        code_version=WORDS,
        unreplayable=TEXT,
        redacted=st.booleans(),
    )
)
def test_a_recording_comes_back(recording: Recording) -> None:
    """A recording survives the journal unchanged."""
    assert decode_recording(encode_recording(recording)) == (recording, False)


@given(st.builds(InFlight, TEXT, TEXT, TEXT, st.floats(0, 2e9), WORDS, last_step=TEXT))
def test_a_note_comes_back(note: InFlight) -> None:
    """A note of a running generation survives the journal unchanged."""
    assert decode_running(encode_running(note)) == note


def test_a_newer_version_is_read_and_owned_up_to() -> None:
    """Unknown fields are ignored, and reported so that the frame can be kept aside."""
    record = GenerationRecord("a" * 32, "op", "none", Outcome.SUCCESS, 1.0, 2.0, 1.0)
    tree = json.loads(encode_record(record)) | {"carbon_g": 3}
    assert decode_record(json.dumps(tree).encode()) == (record, None, True)


def test_a_newer_format_is_refused() -> None:
    """A layout from the future is left to those who know it."""
    header = encode_header(store="0" * 12, producer="a" * 32, segment=1)
    check_format(header)
    newer = json.dumps(json.loads(header) | {"format": 2, "package": "9.0"}).encode()
    with pytest.raises(ConfigurationError, match=r"genmon 9\.0 in format 2"):
        check_format(newer)


@given(st.binary(max_size=60))
def test_garbage_is_refused_by_known_errors(data: bytes) -> None:
    """Bytes that are no payload raise nothing that a reader does not expect."""
    for decode in (decode_record, decode_recording, decode_running):
        with pytest.raises((ValueError, TypeError, KeyError)):
            decode(data)
