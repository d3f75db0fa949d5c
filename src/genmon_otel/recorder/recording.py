"""Build what is kept of a generation from its facts: in-flight note, record, recording, success sample."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from traceback import walk_stack, walk_tb
from types import FunctionType, ModuleType
from typing import Any, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.payload import Streamed, encode, shape
from genmon_otel.payload.paths import import_path, is_importable, module_name
from genmon_otel.recorder.arguments import HeldValue
from genmon_otel.recorder.diagnosis.diagnose import Diagnosis
from genmon_otel.recorder.facts import GenerationFacts, StageFacts
from genmon_otel.recorder.options import ATTRIBUTE, Spec
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.records import (
    NOTHING,
    Failure,
    GenerationRecord,
    InFlight,
    Outcome,
    Recording,
    Stage,
    StepFault,
    StepRecord,
    SuccessSample,
    Tree,
)
from genmon_otel.stacks import is_in_app

#: Stages of one generation that are kept, and as many automatic steps; all are timed.
MAX_STAGES: Final = 1000
#: Frames looked at for the object of a method, on either side of the decorator.
_MAX_FRAMES: Final = 64
#: The result of a generation that was complete before it was cut off; nothing is known of it.
UNSEEN: Final = Streamed(-1)


def record_of(
    facts: GenerationFacts,
    runtime: Runtime,
    failure: Failure | None = None,
    faults: tuple[StepFault, ...] = (),
) -> GenerationRecord:
    """Return what is journalled and stored of a generation that has ended.

    It refers to nothing of the application's: no argument, no exception. Its request is not
    redacted yet: the writer's thread does that before the record is stored.

    Args:
        facts: what is known of it.
        runtime: redacts the context.
        failure: what went wrong; None: nothing did.
        faults: what its steps met.
    """
    assert facts.outcome is not None
    return GenerationRecord(  # in the order of its fields: by name it takes ten times as long
        facts.id,
        facts.spec.operation,
        facts.framework,
        facts.outcome,
        facts.started_at,
        facts.ended_at,
        facts.duration_s,
        facts.user_id,
        facts.project_id,
        facts.request,
        facts.trace_id,
        facts.span_id,
        facts.code_version,
        facts.file_count,
        facts.tokens,
        _redacted(facts.context, runtime) if facts.context else NOTHING,
        _stages(facts) if facts.stages else (),
        faults,
        failure,
        facts.task_id,
    )


def _stages(facts: GenerationFacts) -> tuple[Stage, ...]:
    return tuple(
        [Stage(s.name, s.kind, s.duration_s, s.outcome or Outcome.CANCELLED) for s in facts.stages]
    )


def note_of(facts: GenerationFacts) -> InFlight:
    """Return what the journal notes of a generation while it runs."""
    steps = (stage.name for stage in reversed(facts.stages) if stage.kind == "step")
    return InFlight(
        generation_id=facts.id,
        operation=facts.operation,
        framework=facts.framework,
        started_at=facts.started_at,
        user_id=facts.user_id,
        project_id=facts.project_id,
        trace_id=facts.trace_id,
        span_id=facts.span_id,
        last_step=next(steps, ""),
        code_version=facts.code_version,
    )


def _redacted(context: Mapping[str, Tree], runtime: Runtime) -> Mapping[str, Tree]:
    try:
        redacted: Mapping[str, Tree] = runtime.redactor.tree(dict(context))
    except Exception:
        suppress_and_count("redaction", runtime)
        return NOTHING
    return redacted


def recording_of(
    facts: GenerationFacts,
    diagnosis: Diagnosis,
    folder: str,
    error: BaseException | None = None,
) -> Recording:
    """Return inputs and step outcomes of a failing generation, not redacted.

    Args:
        facts: what is known of it.
        diagnosis: how it failed.
        folder: where a replay will run.
        error: the exception that left it, where one did.
    """
    spec = facts.spec
    steps = [stage for stage in facts.stages if stage.kind == "step"]
    unreplayable = ""
    if spec.function is None:
        unreplayable = (
            "block: only a decorated function can be called again. Move the block's code into one "
            "with @generation."
        )
    elif max(Counter(stage.automatic for stage in facts.stages).values(), default=0) >= MAX_STAGES:
        unreplayable = f"size: {MAX_STAGES} steps or more"
    target, root = locate(spec, folder, error)
    places = {
        step.exchange.number: at for at, step in enumerate(steps) if step.exchange is not None
    }
    return Recording(
        generation_id=facts.id,
        fingerprint=diagnosis.failure.fingerprint,
        operation=facts.operation,
        target=target,
        root=root,
        inputs=facts.arguments.tree() if facts.arguments is not None else encode({}),
        steps=tuple(_step(facts, step, places) for step in steps),
        trigger_step=next((at for at, step in enumerate(steps) if step is diagnosis.trigger), None),
        duration_s=facts.duration_s,
        code_version=facts.code_version,
        unreplayable=unreplayable,
    )


def sample_of(facts: GenerationFacts, result: Any, runtime: Runtime) -> SuccessSample | None:
    """Return the shape of a result, and maybe step outcomes as donors; None if nothing is kept.

    Of an operation's first three, then one a minute: ``Runtime.sample_due`` says when. Donors are
    kept with ``capture="all"``, and from the operation's first failure on.
    """
    if result is UNSEEN or facts.capture == "off" or facts.spec.function is None:
        return None
    is_donor = facts.capture == "all" or facts.operation in runtime.donors_taken
    runtime.note_sample(facts.operation)
    donors = facts.stages if is_donor and runtime.donors else ()
    return SuccessSample(
        generation_id=facts.id,
        operation=facts.operation,
        ended_at=facts.ended_at,
        code_version=facts.code_version,
        shape=shape(result),
        steps=tuple(_step(facts, stage) for stage in donors if stage.kind == "step"),
        asked=_asked(facts.stages),
    )


def _asked(stages: Iterable[StageFacts]) -> tuple[str, ...]:
    """Names of the steps, in order; each once where it follows itself."""
    names: list[str] = []
    for stage in stages:
        if stage.kind == "step" and names[-1:] != [stage.name]:
            names.append(stage.name)
    return tuple(names)


def _step(
    facts: GenerationFacts, step: StageFacts, places: Mapping[int, int] | None = None
) -> StepRecord:
    """Return a step as a replay needs it; for ``places`` see :class:`genmon_otel.recorder.facts.Exchange`."""
    outcome: Tree = None
    exchange = step.exchange
    if exchange is not None and step.answer in ("value", "stream"):
        outcome = exchange.outcome(step.answer)
    elif step.answer == "stream":
        outcome = [chunk.tree() for chunk in step.chunks]
    elif step.answer == "value":
        outcome = step.value.tree() if isinstance(step.value, HeldValue) else encode(step.value)
    elif step.answer == "exception":
        outcome = step.value
    ended = step.ended if step.ended is not None else step.paused_at
    if step.hung:  # whether it never began to answer, or stopped midway
        ended = None
    return StepRecord(
        name=step.name,
        arguments=_arguments(step, places),
        kind=step.answer,
        outcome=outcome,
        stream_error=step.stream_error,
        started_s=max(0.0, step.began - facts.began),
        ended_s=None if ended is None else max(0.0, ended - facts.began),
        is_async=step.is_async,
        cut=step.answer == "stream" and step.paused_at is not None,
        adapter="" if exchange is None else exchange.adapter,
        site="" if exchange is None else exchange.site,
        call=0 if exchange is None else exchange.call,
    )


def _arguments(step: StageFacts, places: Mapping[int, int] | None) -> Tree:
    if step.exchange is not None:
        return step.exchange.request(places)
    return {} if step.arguments is None else step.arguments.tree()


# --- where a replay finds what was called -------------------------------------------


def locate(spec: Spec, here: str, error: BaseException | None = None) -> tuple[str, str]:
    """Return the import path of the callable, and the folder its module is imported from.

    A method is found where it was called: on the object that a module keeps, else on the
    class of its object, which may be another than the one that defines it.

    Args:
        spec: what was decorated.
        here: the folder that a replay will run in.
        error: the exception that left it; the method's object is found in its frames.

    Returns:
        The path, and the folder relative to ``here``: empty where that is the folder itself,
        is not above it, or holds installed code.
    """
    module = sys.modules.get(getattr(spec.function, "__module__", None) or "")
    target = spec.target
    if module is None or spec.function is None:
        return target, ""
    if "<locals>" in target and (name := _name_in(module, spec)):
        target = f"{target.partition(':')[0]}:{name}"
    try:
        module, target = _on_receiver(spec, error) or (module, target)
    except BaseException as broken:  # attribute access may run the application's code
        if is_interruption(broken):
            raise
    packages = target.partition(":")[0].count(".")
    return target, _folder(getattr(module, "__file__", None), module.__name__, packages, here)


def _on_receiver(spec: Spec, error: BaseException | None) -> tuple[ModuleType, str] | None:
    """Return the module and path by which the method is reached on what it was called on."""
    receiver = _receiver(spec, error)
    if receiver is None or spec.receiver_factory is not None:
        return None
    owner = receiver if isinstance(receiver, type) else type(receiver)
    name = spec.target.rpartition(".")[2]
    if not _is(getattr(owner, name, None), spec):
        return None
    home = sys.modules[owner.__module__]
    if owner is not receiver:
        kept_by = (home,) if home.__name__ != "__main__" else ()
        for module in dict.fromkeys((*kept_by, *_callers(), *_others(owner))):
            for variable, value in tuple(vars(module).items()):
                if value is receiver:
                    return module, f"{module_name(module)}:{variable}.{name}"
    return (home, f"{import_path(owner)}.{name}") if is_importable(owner) else None


def _receiver(spec: Spec, error: BaseException | None) -> Any:
    """Return the object, or the class, that the method was called on, from the exception's frames."""
    parameters, function = spec.parameters, spec.function
    if error is None or parameters is None or function is None or not parameters.has_receiver:
        return None
    code = getattr(inspect.unwrap(function), "__code__", None)
    for frame, _ in islice(walk_tb(error.__traceback__), _MAX_FRAMES):
        if frame.f_code is code:
            return frame.f_locals.get(parameters.positional[0])
    return None


def _callers() -> Iterator[ModuleType]:
    """Yield the modules of the application's code that runs here, innermost first.

    Not ``__main__``: what that holds may be made only where it runs as a program.
    """
    for frame, _ in islice(walk_stack(sys._getframe()), _MAX_FRAMES):
        module = sys.modules.get(frame.f_globals.get("__name__", ""))
        if module is None or module.__name__ == "__main__":
            continue
        if is_in_app(frame.f_code.co_filename, module.__name__):
            yield module


def _others(owner: type) -> Iterator[ModuleType]:
    """Yield the application's imported modules: a worker's thread is called by none that keeps the object.

    ``__main__`` comes last, and only where nothing else could make the object.
    """
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None) if type(module) is ModuleType else None
        if name != "__main__" and isinstance(file, str) and is_in_app(file, name):
            yield module
    main = sys.modules.get("__main__")
    if main is not None and not _needs_nothing(owner):
        yield main


def _needs_nothing(owner: type) -> bool:
    """Whether calling a class without arguments may give an object."""
    try:
        inspect.signature(owner).bind()
    except (TypeError, ValueError):
        return False
    return True


def _is(found: Any, spec: Spec) -> bool:
    other = getattr(found, ATTRIBUTE, None)
    return isinstance(other, Spec) and other.function is spec.function


def _name_in(module: Any, spec: Spec) -> str:
    """Return the name by which a module holds what was made inside a function; empty for none."""
    for name, value in tuple(vars(module).items()):
        if type(value) is FunctionType:
            found = value.__dict__.get(ATTRIBUTE)
            if isinstance(found, Spec) and found.function is spec.function:
                return str(name)
    return ""


@functools.lru_cache(maxsize=256)
def _folder(file: Any, module: str, packages: int, here: str) -> str:
    """Return the folder that a module in so many packages is imported from, relative to ``here``."""
    if not here or not isinstance(file, str) or not is_in_app(file, module):
        return ""
    path = Path(os.path.normpath(os.path.join(here, file)))
    relative = os.path.relpath(path.parents[packages + (path.stem == "__init__")], here)
    return "" if relative == "." or relative.startswith("..") else relative
