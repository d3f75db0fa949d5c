"""Decoding is bounded, uses loaded modules only, and runs no code of the values' classes."""

from __future__ import annotations

import contextlib
import enum
import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import EnumMeta, Flag, IntFlag
from types import ModuleType
from typing import Any

import httpx
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genmon_otel.errors import PayloadError
from genmon_otel.payload import Opaque, decode, decode_exception, encode, forget_touches
from genmon_otel.payload.decoding import _DECODERS
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.case_reading import MAX_VALUES, CaseError

assert httpx  # loaded, for values of its classes

RANGE = {"$": "range", "v": [0, 10**10, 1]}
HUGE = {"$": "range", "v": [0, 10**4, 1]}

#: Small texts that would become large, or take long.
GROWING: dict[str, Any] = {
    **{
        f"{tag} of a range": {"$": tag, "v": RANGE}
        for tag in ("tuple", "set", "frozenset", "deque", "counter", "ordereddict", "defaultdict",
                    "namespace", "proxy", "complex", "slice", "path", "decimal", "uuid")
    },
    **{
        f"{base} of a number": {"$": "sub", "type": f"bounds:{base.title()}", "base": base, "v": n}
        for base, n in {"bytes": 10**10, "str": RANGE, "list": RANGE, "tuple": HUGE, "set": HUGE,
                        "int": "9" * 5000, "float": "1", "dict": [], "frozenset": HUGE}.items()
    },
    "place of a validation error": {
        "$": "error", "type": "pydantic_core._pydantic_core:ValidationError", "adapter": "pydantic",
        "fields": {"title": "t", "errors": [
            {"type": "own", "loc": {"$": "range", "v": [0, 499_999, 1]}, "msg": "m", "input": 1},
        ] * 50},
    },
    "end of a syntax error": {
        "$": "error", "type": "builtins:SyntaxError", "args": None,
        "built_in": {"text": "x", "offset": 1, "end_offset": 10**10},
    },
    **{
        f"{kind} of one hash": {"$": kind, "v": [
            [v, 1] if kind == "pairs" else v
            for v in ({"$": "int", "v": hex(n * (2**61 - 1))} for n in range(1, 500))
        ]}
        for kind in ("set", "frozenset", "pairs")
    },
    "set of tuples of one hash": {"$": "set", "v": [
        {"$": "tuple", "v": [0.5 + 0 * n, {"$": "int", "v": hex(n * (2**61 - 1))}]}
        for n in range(1, 500)
    ]},
    "range": RANGE,
    "range of a range": {"$": "range", "v": RANGE},
    "range without bound": {"$": "range", "v": [0, {"$": "int", "v": "0x" + "f" * 200}, 1]},
    "tuple of a text": {"$": "tuple", "v": "abc"},
    "set of a mapping": {"$": "set", "v": {"a": 1}},
    "int of many digits": {"$": "int", "v": "0x" + "f" * 400_000},
    "int of a number": {"$": "int", "v": 7},
    "decimal": {"$": "decimal", "v": "1e999999"},
    "small decimal": {"$": "decimal", "v": "1e-999999"},
    "zero decimal": {"$": "decimal", "v": "0e999999"},
    "fraction": {"$": "fraction", "v": "1e999999999"},
    "fraction of digits": {"$": "fraction", "v": "9" * 100_000},
    "bytearray of a number": {"$": "bytearray", "utf8": 10**10},
    "bytes of a range": {"$": "bytes", "latin1": RANGE},
    "timedelta of texts": {"$": "timedelta", "v": "111"},
    "timedelta": {"$": "timedelta", "v": [10**30, 0, 0]},
    "pairs of texts": {"$": "pairs", "v": ["ab"] * 3},
    "zone out": {"$": "zone", "v": "../../../etc/passwd"},
    "zone absolute": {"$": "zone", "v": "/etc/localtime"},
    "zone of a package": {"$": "zone", "v": "no/such/zone"},
    "group of an object": {"$": "error", "type": "builtins:ExceptionGroup", "args": RANGE,
                           "members": [{"$": "error", "type": "builtins:ValueError", "args": None}]},
    "fields of a range": {"$": "object", "type": "bounds:Plain", "fields": RANGE},
    "names of a range": {"$": "model", "type": "bounds:Model", "fields": {}, "set": "ab"},
}  # fmt: skip


class Hooked(pydantic.BaseModel):
    """Its validators report that they ran."""

    name: str = ""

    @pydantic.field_validator("name")
    @classmethod
    def tell(cls, value: str) -> str:
        RAN.append("validator")
        return value

    def model_post_init(self, _: Any) -> None:
        RAN.append("model_post_init")


RAN: list[str] = []


def tell(what: str) -> Any:
    """Return a method that reports that it ran."""

    def method(*_: Any, **__: Any) -> Any:
        RAN.append(what)

    return method


HOOKS = (
    "__init__ __post_init__ __setstate__ __reduce__ __reduce_ex__ __getattr__ __setattr__ "
    "__call__ __str__ __repr__ __init_subclass__"
).split()


@dataclass
class Plain:
    """A class without code of its own."""

    name: str = ""


class Finalized(Plain):
    """Its instances have a finaliser."""

    __del__ = tell("__del__")


class Registering(Exception):
    """It runs code when it is subclassed."""

    __init_subclass__ = tell("__init_subclass__")


class Colour(enum.Enum):
    """It creates missing members."""

    RED = 1

    @classmethod
    def _missing_(cls, value: object) -> Colour:
        RAN.append("_missing_")
        return cls.RED


@pytest.fixture(autouse=True)
def bounds() -> Iterator[ModuleType]:
    """A loaded module whose classes report when their code runs."""
    module: Any = ModuleType("bounds")
    sys.modules["bounds"] = module
    for base in (str, bytes, int, float, list, tuple, set, frozenset, dict):
        name = base.__name__.title()
        setattr(
            module, name, type(name, (base,), {"__new__": tell("new"), "__init__": tell("init")})
        )
    module.Error = type("Error", (OSError,), {name: tell(name) for name in HOOKS[:-1]})
    for kind in (Plain, Finalized, Registering, Colour):
        setattr(module, kind.__name__, kind)
    module.Telling = dataclass(type("Telling", (Plain,), {n: tell(n) for n in HOOKS[1:6]}))
    module.Model = Hooked
    module.Hooked = Hooked
    for name, kind in vars(module).items():
        if isinstance(kind, type):
            kind.__module__, kind.__qualname__ = "bounds", name
    Hooked.__qualname__ = "Model"
    module.foreign, module.Elsewhere = pytest, json.JSONDecodeError
    RAN.clear()
    yield module
    del sys.modules["bounds"]
    forget_touches()


def test_nothing_grows() -> None:
    """A small tree of a huge value is refused or opaque, in little memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = {}
    for name, tree in GROWING.items():
        try:
            value = decode(tree)
        except PayloadError:
            continue
        if type(value) is not Opaque:
            made[name] = type(value)
    assert made == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    assert RAN == []


@pytest.mark.parametrize(
    "tree",
    [[[0] * 1000] * 600, {"a": [{"$": "tuple", "v": [1] * 1000}] * 600}, ["x" * 1_000_000] * 20],
    ids=["lists", "tuples", "texts"],
)
def test_items_and_bytes_are_counted(tree: Any) -> None:
    """The items and bytes of one value are bounded at any nesting."""
    with pytest.raises(PayloadError, match="more than"):
        decode(tree)


def test_a_case_has_so_many_values() -> None:
    """A file of many brackets is refused before it fills the memory."""
    with pytest.raises(CaseError, match="values"):
        Case.from_json(b'{"genmon_case": 1, "x": [' + b"[]," * (4 * MAX_VALUES) + b"1]}")
    with pytest.raises(CaseError, match="values"):
        Case.from_json('{"genmon_case": 1, "x": [' + "0," * (MAX_VALUES + 1) + "1]}")
    with pytest.raises(CaseError, match="too large a number"):
        Case.from_json('{"genmon_case": 1, "x": 1e999}')


def test_no_code_of_a_class_runs() -> None:
    """No constructor, validator, hook, property or finalizer of a rebuilt value's class runs."""
    error = decode_exception(
        {"$": "error", "type": "bounds:Error", "args": {"$": "tuple", "v": [1]},
         "fields": {"x": 1}, "built_in": {"errno": 4},
         "cause": {"$": "error", "type": "builtins:ValueError", "args": None}}
    )  # fmt: skip
    assert OSError.errno.__get__(error) == 4  # type: ignore[attr-defined]
    assert type(error.__cause__) is ValueError
    assert decode({"$": "model", "type": "bounds:Model", "fields": {"name": "x"}}).name == "x"
    assert decode({"$": "object", "type": "bounds:Telling", "fields": {"name": "x"}}) is not None
    for tree in (
        {"$": "object", "type": "bounds:Finalized", "fields": {}},
        {"$": "enum", "type": "bounds:Colour", "value": 7},
        {"$": "error", "type": "bounds:Local", "base": "bounds:Registering", "args": None},
    ):
        assert type(decode(tree)) is Opaque
    assert RAN == []


FOREIGN = (
    "this:x antigravity:x os:system subprocess:Popen bounds:foreign.Item bounds:Elsewhere "
    "bounds:foreign bounds:Plain.__class__ bounds:Plain.__base__ builtins:eval builtins:exec "
    "turtledemo:x idlelib.idle:x lib2to3.pgen2.token:x bounds:Plain.__init__ bounds:made_up"
).split()


def test_types_come_from_loaded_modules_that_define_them() -> None:
    """A type of another module, of one that is not loaded, or that is no type, is not found."""
    before = set(sys.modules)
    for path in FOREIGN:
        for tree in (
            {"$": "object", "type": path, "fields": {}},
            {"$": "type", "path": path},
            {"$": "sub", "type": path, "base": "str", "v": "x"},
            {"$": "enum", "type": path, "name": "x"},
            {"$": "error", "type": path, "args": None},
            {"$": "error", "type": "x:y", "base": path, "args": None},
        ):
            assert type(decode(tree)) is Opaque, tree
        with pytest.raises(PayloadError):
            decode_exception({"$": "error", "type": path, "args": None})
    for library in ("httpx", "requests", "aiohttp", "multidict", "yarl", "os", "antigravity"):
        for tag in ("response", "request", "headers", "url"):
            with contextlib.suppress(PayloadError):
                decode({"$": tag, "library": library, "status": 200, "v": "http://x"})
    assert set(sys.modules) - before == set()


def test_a_packed_body_stays_packed() -> None:
    """Headers of a response cannot cause its body to be decompressed."""
    import gzip

    import httpx

    packed = gzip.compress(b"0" * 10**6).decode("latin-1")
    response = decode(
        {"$": "response", "library": "httpx", "status": 200,
         "headers": {"content-encoding": "gzip", "retry-after": "3"},
         "body": {"$": "bytes", "latin1": packed}}
    )  # fmt: skip
    assert isinstance(response, httpx.Response)
    assert len(response.content) < 10_000
    assert response.headers["retry-after"] == "3"


_NAMES = st.sampled_from(
    ["v", "type", "path", "base", "fields", "args", "members", "utf8", "latin1", "set", "extra",
     "private", "name", "value", "kind", "library", "status", "headers", "body", "request", "url",
     "method", "zone", "fold", "maxlen", "factory", "adapter", "built_in", "cause", "why", "x"]
)  # fmt: skip
_WORDS = st.sampled_from(
    ["bounds:Plain", "bounds:Error", "bounds:Str", "bounds:Model", "bounds:Colour", "builtins:list",
     "this:x", "antigravity:x", "str", "bytes", "Path", "httpx", "pydantic", "tenacity", "urllib",
     "1e9999", "UTC", "0x" + "f" * 40, "2024-01-01", "nan", "\\{d800}", *FOREIGN]
)  # fmt: skip
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats()
    | st.text(max_size=8)
    | _WORDS
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_NAMES, inner, max_size=4)
        | st.builds(
            lambda tag, members: {"$": tag, **members},
            st.sampled_from(sorted(_DECODERS)),
            st.dictionaries(_NAMES, inner, max_size=5),
        )
    ),
    max_leaves=12,
)


@given(tree=_TREES)
@example(tree={"$": "object", "type": "bounds:Telling", "fields": {"name": "x"}})
@example(tree={"$": "object", "type": "bounds:Model", "fields": {"name": "x"}})
def test_any_tree_decodes_or_is_refused(tree: Any) -> None:
    """Any JSON becomes a value or a PayloadError; nothing is imported, no class's code runs."""
    before = set(sys.modules)
    RAN.clear()
    for rebuild in (decode, decode_exception):
        with contextlib.suppress(PayloadError):
            rebuild(tree)
    assert set(sys.modules) - before == set()
    assert [each for each in RAN if each not in ("__eq__", "__hash__")] == []


class Asked:
    """Its ``__class__`` is a property that runs code."""

    __class__ = property(tell("__class__"))  # type: ignore[assignment]
    __getattr__ = tell("__getattr__")


asked = Asked()


@dataclass
class Speaking:
    """Its ``__str__`` runs code."""

    __str__ = __repr__ = tell("__str__")


@pytest.mark.parametrize("field", ["v", "headers", "method", "msg", "loc", "ctx"])
def test_no_text_is_asked_of_an_object(field: str) -> None:
    """An object of the application in place of text is refused without calling its ``__str__``."""
    object_ = {"$": "object", "type": f"{__name__}:Speaking", "fields": {}}
    library = {"library": "httpx"}
    line: dict[str, Any] = {"type": "own", "loc": [], "msg": "m", "input": 1}
    tree: dict[str, Any] = {
        "v": {"$": "headers", **library, "v": {"a": object_}},
        "headers": {"$": "response", **library, "status": 200, "headers": {"a": object_}},
        "method": {"$": "request", **library, "method": object_},
    }.get(field) or {
        "$": "error", "type": "pydantic_core._pydantic_core:ValidationError", "adapter": "pydantic",
        "fields": {"title": "t", "errors": [
            line | {field: {"msg": object_, "loc": [object_], "ctx": {"a": object_}}[field]},
        ]},
    }  # fmt: skip
    RAN.clear()
    assert isinstance(decode(tree), Opaque)
    assert RAN == []


def test_what_is_no_class_is_not_asked_whether_it_is() -> None:
    """Its ``__class__`` runs code, as a lazy object's does."""
    RAN.clear()
    assert isinstance(decode({"$": "object", "type": f"{__name__}:asked", "fields": {}}), Opaque)
    assert RAN == []


class Shades(Flag):
    """Plain flags."""

    RED, GREEN, BLUE = 1, 2, 4


class Bits(IntFlag):
    """Plain flags that are numbers."""

    LOW, HIGH = 1, 2


class CalledMeta(EnumMeta):
    """It reports when its classes are called."""

    __call__ = tell("metaclass __call__")


class Called(Flag, metaclass=CalledMeta):
    """A class of that metaclass."""

    A, B = 1, 2


class Mixin(int):
    """It reports when it is created after its flags exist."""

    def __new__(cls, value: int) -> Any:
        RAN.append("mixin __new__")
        return int.__new__(cls, value)


class Mixed(Mixin, Flag):
    """Flags with a constructor."""

    A, B = 1, 2


class AskedMeta(type):
    """It reports when its classes are read."""

    __getattr__ = tell("metaclass __getattr__")
    __hash__ = tell("metaclass __hash__")  # type: ignore[assignment]


class Pair(tuple, metaclass=AskedMeta):
    """A tuple that may have fields."""


@dataclass
class Record(metaclass=AskedMeta):
    """Data of such a metaclass."""


class Spoken(ValueError):
    """An error whose ``__str__`` runs code."""

    __str__ = tell("__str__")


def ctx_of(error: Any) -> dict[str, Any]:
    """A validation error with an error in its context."""
    line = {"type": "value_error", "loc": [], "msg": "m", "input": 1, "ctx": {"error": error}}
    return {
        "$": "error", "type": "pydantic_core._pydantic_core:ValidationError", "adapter": "pydantic",
        "fields": {"title": "t", "errors": [line]},
    }  # fmt: skip


def test_no_class_has_a_say_in_how_it_is_read() -> None:
    """No code runs of a metaclass, a mixin of flags, or an error's ``__str__``."""
    here, speaking = __name__, {"$": "object", "type": f"{__name__}:Speaking", "fields": {}}
    builtin = {"$": "error", "type": "builtins:ValueError"}
    trees: dict[str, Any] = {
        "called": {"$": "enum", "type": f"{here}:Called", "value": 3},
        "mixed": {"$": "enum", "type": f"{here}:Mixed", "value": 3},
        "pair": {"$": "namedtuple", "type": f"{here}:Pair", "fields": {}},
        "record": {"$": "object", "type": f"{here}:Record", "fields": {}},
        "class": {"$": "type", "path": f"{here}:Pair"},
        "text": ctx_of({"$": "error", "type": f"{here}:Spoken", "args": {"$": "tuple", "v": []}}),
        "argument": ctx_of(builtin | {"args": {"$": "tuple", "v": [speaking]}}),
        "deep argument": ctx_of(builtin | {"args": {"$": "tuple", "v": [[{"a": speaking}]]}}),
        "file": ctx_of({"$": "error", "type": "builtins:OSError", "args": {"$": "tuple", "v": []},
                        "built_in": {"errno": 1, "filename": speaking}}),
    }  # fmt: skip
    RAN.clear()
    made = {name: decode(tree) for name, tree in trees.items()}
    assert [name for name, value in made.items() if type(value) is not Opaque] == []
    assert RAN == []


def test_honest_flags_and_contexts_come_back() -> None:
    """Combined plain flags and a validator's own errors are rebuilt equal."""
    for flags in (Shades.RED | Shades.BLUE, Bits.LOW | Bits.HIGH):
        assert decode(encode(flags)) == flags

    class Strict(pydantic.BaseModel):
        name: str

        @pydantic.field_validator("name")
        @classmethod
        def check(cls, value: str) -> str:
            raise [ValueError("no"), KeyError("k"), UnicodeDecodeError("utf-8", b"x", 0, 1, "bad")][
                int(value)
            ]

    for number in ("0", "2"):
        with pytest.raises(pydantic.ValidationError) as caught:
            Strict(name=number)
        assert str(decode(encode(caught.value))) == str(caught.value)


def test_members_of_few_hashes_come_back() -> None:
    """Few numbers with one hash, and many with different ones, are accepted."""
    members = {-1, -2, *(n * (2**61 - 1) for n in range(50)), *range(1_000)}
    assert decode(encode(members)) == members
    assert decode(encode(dict.fromkeys(members, 1))) == dict.fromkeys(members, 1)
