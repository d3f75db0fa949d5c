"""Find the step that a failure came from: one that raised or hung, or whose answer the code could not use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

from genmon_otel.records import ENVIRONMENT_CATEGORIES, Category, StageKind, Trigger
from genmon_otel.slots import args_of

#: Links of an error's chain that are followed.
_MAX_CHAIN: Final = 50
#: Attributes in which exceptions carry the text that the code could not use.
_QUOTING: Final = ("doc", "llm_output", "input_value", "body")
#: Characters that a quotation must have to be evidence, and that are compared.
_SHORTEST: Final = 4
_COMPARED: Final = 65_536
#: Frames of a traceback that are looked at.
_MAX_FRAMES: Final = 1000
#: Answers that are looked through for a quotation, newest first.
_MAX_ANSWERS: Final = 200


class Classified(Protocol):
    """The part of a stage's classification that is read here."""

    @property
    def category(self) -> Category: ...


class Stage(Protocol):
    """The part of a stage that is read here."""

    @property
    def kind(self) -> StageKind: ...

    @property
    def automatic(self) -> bool: ...

    @property
    def began(self) -> float: ...

    @property
    def ended(self) -> float | None: ...

    @property
    def classification(self) -> Classified | None: ...

    @property
    def place(self) -> str: ...

    @property
    def has_failed(self) -> bool: ...

    @property
    def hung(self) -> bool: ...

    @property
    def frames(self) -> tuple[int, ...]: ...

    @property
    def answered_at(self) -> float | None: ...

    @property
    def status_of_fault(self) -> int | None: ...

    def answer_texts(self) -> Iterator[str]: ...


S = TypeVar("S", bound=Stage)
Errors = Sequence[tuple[BaseException, S]]


def decorated(stages: Iterable[S]) -> list[S]:
    """Return the stages that were there without automatic steps."""
    return [stage for stage in stages if not stage.automatic]


def trigger_of(
    stages: Sequence[S], errors: Errors[S], category: Category, error: BaseException
) -> tuple[Trigger, S | None]:
    """Find the decorated step that a failure came from: what an error quotes, else the last answer.

    Args:
        stages: those of the generation, automatic ones left out.
        errors: what its stages raised, oldest first.
        category: of the failure.
        error: what left the generation.
    """
    if (step := _saw(decorated_errors(errors), error)) is not None:
        return "fault", step
    if not stages:
        return "input", None
    if category == Category.AI_TIMEOUT and (step := hung_step(stages)):
        return "fault", step
    if (step := _quoted(stages, list(chain_of(error)))) is not None:
        return "content", step
    step = last_answer(stages)
    given_up = _given_up_on(stages, category)
    if given_up is not None and (step is None or (given_up.ended or 0) > (step.answered_at or 0)):
        return "fault", given_up
    return ("content", step) if step is not None else ("input", None)


def trigger_among(
    stages: Sequence[S], errors: Errors[S], category: Category, error: BaseException
) -> tuple[Trigger, S | None]:
    """Find the step that a failure came from, where some are automatic.

    As :func:`trigger_of`, but an answer may be a fault by its status, which the exception of the
    client library carries; and what other tasks and threads than the one that raised were answered does not
    count, where that is known.
    """
    if (step := _saw(errors, error)) is not None:
        return "fault", step
    if category == Category.AI_TIMEOUT and (step := hung_step(stages)):
        return "fault", step
    chain = list(chain_of(error))
    near = _of_the_raising_context(stages, chain)
    if (step := _of_status(near, chain) or _of_status(stages, chain)) is not None:
        return "fault", step
    if (step := _quoted(near, chain) or _quoted(stages, chain)) is not None:
        return "content", step
    last = last_answer(near)
    given_up = _given_up_on(near, category) or _last_fault(near)
    if given_up is not None and (last is None or (given_up.ended or 0) > (last.answered_at or 0)):
        return "fault", given_up
    if last is not None:
        return "content", last
    # Nothing was answered: the code swallowed the exception of a call and then missed its answer.
    failed = _latest(stage for stage in near if stage.automatic and stage.has_failed)
    return ("fault", failed) if failed is not None else ("input", None)


def _of_the_raising_context(stages: Sequence[S], chain: list[BaseException]) -> Sequence[S]:
    """Leave out the automatic steps of other tasks and threads than the one that raised.

    A step was made in the context that raised where one of the application's frames then running is in the
    traceback. The first cause decides where it can. For decorated steps this is not known: they stay.
    """
    for link in reversed(chain):
        broken: set[int] = set()
        traceback = link.__traceback__
        while traceback is not None and len(broken) < _MAX_FRAMES:
            broken.add(id(traceback.tb_frame))
            traceback = traceback.tb_next
        if any(not broken.isdisjoint(stage.frames) for stage in stages):
            return [s for s in stages if not s.automatic or not broken.isdisjoint(s.frames)]
    return stages


def stage_of(errors: Errors[S], error: BaseException | None) -> str:
    """Return the innermost phase or decorated step that the error escaped from; empty for none."""
    if error is None or not errors:
        return ""
    links = {id(link) for link in chain_of(error)}
    return next((s.place for e, s in errors if id(e) in links and s.place), "")


def decorated_errors(errors: Errors[S]) -> list[tuple[BaseException, S]]:
    """Return what stages raised that are no automatic steps."""
    return [(error, stage) for error, stage in errors if not stage.automatic]


def _saw(errors: Errors[S], error: BaseException) -> S | None:
    """Return the step that raised an error, or raised one of its causes."""
    for link in chain_of(error) if errors else ():
        # The last to see an error is the outermost: what a replay serves in its place.
        for seen, stage in reversed(errors):
            if seen is link and stage.kind == "step":
                return stage
    return None


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Return an error, its causes, contexts and group members, nearest first; bounded."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_CHAIN:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting.extend(link.exceptions[:_MAX_CHAIN])
        follow = link.__cause__
        if follow is None and not link.__suppress_context__:
            follow = link.__context__
        if follow is not None:
            waiting.append(follow)


def hung_step(stages: Iterable[S]) -> S | None:
    """Return the step that never answered; of nested ones the outermost, of several the last."""
    hung = [stage for stage in stages if stage.hung]
    return max(
        hung,
        key=lambda s: (s.ended if s.ended is not None else float("inf"), -s.began),
        default=None,
    )


def _given_up_on(stages: Iterable[S], category: Category) -> S | None:
    """The step that last met an environment fault of the category that the error's own message names.

    ``raise RateLimited("gave up")`` behind a loop of retries is linked to nothing.
    """
    if category not in ENVIRONMENT_CATEGORIES:
        return None
    met = [
        step
        for step in stages
        if step.kind == "step"
        and step.classification is not None
        and step.classification.category == category
    ]
    return _latest(met)


def last_answer(stages: Iterable[S]) -> S | None:
    """Return the step that answered last: with a value, a whole stream, or a chunk still in hand."""
    answered = [
        (at, step)
        for step in stages
        if step.kind == "step" and (at := step.answered_at) is not None
    ]
    return max(answered, key=lambda pair: pair[0], default=(0.0, None))[1]


def _last_fault(stages: Iterable[S]) -> S | None:
    """The automatic step that was answered last with a fault."""
    return _latest(stage for stage in stages if stage.status_of_fault is not None)


def _latest(stages: Iterable[S]) -> S | None:
    """Return the stage that ended last; None if there is none."""
    return max(stages, key=lambda stage: stage.ended or 0, default=None)


def _of_status(stages: Sequence[S], chain: list[BaseException]) -> S | None:
    """The automatic step that was answered last with the status that an exception carries."""
    faults = [stage for stage in stages if stage.status_of_fault is not None]
    for link in chain if faults else ():
        carried = _statuses(link)
        met = [stage for stage in faults if stage.status_of_fault in carried]
        if met:
            return _latest(met)
    return None


def _statuses(error: BaseException) -> set[Any]:
    """The numbers that an exception carries as its status, or as its exit code."""
    from genmon_otel.classification.evidence import (
        read,  # see genmon_otel.recorder.diagnosis.diagnose
    )

    found: set[Any] = set()
    response = read(error, "response")
    for holder in (error, response):
        for name in ("status_code", "status", "code", "returncode", "http_status"):
            value = read(holder, name)
            if isinstance(value, int):
                found.add(int(value))
    if type(response) is dict:  # botocore's
        metadata = response.get("ResponseMetadata")
        if type(metadata) is dict:
            found.add(metadata.get("HTTPStatusCode"))
    return found


def _quoted(stages: Sequence[S], chain: list[BaseException]) -> S | None:
    """The step whose answer an exception quotes; of several the last."""
    quotations = [text for link in chain for text in _quotations(link)]
    if not quotations:
        return None
    answers = sorted(
        ((at, stage) for stage in stages if (at := stage.answered_at) is not None),
        key=lambda pair: pair[0],
        reverse=True,
    )
    for _, stage in answers[:_MAX_ANSWERS]:
        if stage.kind == "step" and any(
            quoted in text or (len(text) >= _SHORTEST and text.strip() in quoted)
            for text in stage.answer_texts()
            for quoted in quotations
        ):
            return stage
    return None


def quotes(error: BaseException, step: Stage) -> bool:
    """Return whether an exception carries the text that a step answered."""
    return _quoted([step], list(chain_of(error))) is not None


def _quotations(error: BaseException) -> Iterator[str]:
    from genmon_otel.classification.evidence import read

    values = [read(error, name) for name in _QUOTING]
    if type(error).__module__.partition(".")[0] == "pydantic_core":
        try:
            lines: Any = error.errors(include_url=False, include_context=False)  # type: ignore[attr-defined]
            values += [line.get("input") for line in lines[:20]]
        except Exception:
            pass
    if type(error) is UnicodeDecodeError:
        values += [args_of(error)[1]]
    for value in values:
        text = value[:_COMPARED].decode("utf-8", "replace") if type(value) is bytes else value
        if type(text) is str and len(start := text.strip()[:_COMPARED]) >= _SHORTEST:
            yield start
