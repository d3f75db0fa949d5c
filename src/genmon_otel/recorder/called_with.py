"""What a generation was called with: its arguments, and what its options say by them.

Arguments that cannot change are kept as they are and read when somebody asks, mostly the
writer's thread; of others what a replay needs is copied or encoded at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from genmon_otel import conventions as names
from genmon_otel.recorder.binding import Option, framework_name, identifier, request_text
from genmon_otel.recorder.held import HeldArguments
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.recorder.spec import Spec
from genmon_otel.records import MAX_REQUEST

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation

#: Characters of a request that may wait to be redacted where that costs nobody's time.
_MAX_RAW_REQUEST: Final = 4096


def hold(
    spec: Spec, under: Runtime, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[HeldArguments | None, str | None]:
    """The arguments for a recording, and what was asked for as text. Never raises.

    The text is redacted here if it is long or goes on the span, else by the writer.
    """
    held: HeldArguments | None = None
    text: str | None = None
    try:
        if spec.parameters is not None:
            held = HeldArguments(spec.parameters, args, kwargs)
        option = spec.request
        found = _found(option, args, kwargs)
        text = request_text(found, _MAX_RAW_REQUEST, implicit=option.implicit)
        if text and (len(text) >= _MAX_RAW_REQUEST or under.content_on_spans):
            text = under.redactor.text(text, MAX_REQUEST)
    except BaseException:
        suppress_and_count("options", under)
    return held, text


def read(
    generation: Generation, option: Option, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Take what an option but the request's says of a generation. Never raises."""
    try:
        found, name = _found(option, args, kwargs), option.name
        if name == "user_id":
            generation.user_id = identifier(found)
        elif name == "project_id":
            generation.project_id = identifier(found)
        else:
            generation.framework = _framework(generation, option, found)
    except BaseException:
        suppress_and_count("options", generation.under)


def _found(option: Option, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return option.constant if option.getter is None else option.getter(args, kwargs)


def _framework(generation: Generation, option: Option, found: Any) -> str:
    # one that was found by its name alone is a declared one, or shown to nobody
    redactor = None if option.implicit else generation.under.redactor
    framework = framework_name(found, redactor)
    if framework is None:
        return names.NO_FRAMEWORK
    known = (generation.spec.frameworks, generation.under.frameworks)
    if option.implicit and not any(framework in declared for declared in known):
        return names.OTHER
    return framework
