"""Values become trees and back with type and content; hostile values become opaque and harm no others."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import io
import json
import math
import subprocess
import threading
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import attrs
import httpx
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genmon_otel.errors import PayloadError
from genmon_otel.payload import (
    Opaque,
    OpaqueTouched,
    decode,
    digest,
    encode,
    forget_touches,
    shape,
    touches,
)
from tests.table_kit import each
from tests.work_kit import growth, instructions


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntFlag):
    A = 1
    B = 2


class Word(enum.StrEnum):
    YES = "yes"


@dataclasses.dataclass
class File:
    path: str
    body: bytes = b""

    def __post_init__(self) -> None:
        self.size = len(self.body)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    files: tuple[File, ...]


@attrs.define
class Part:
    name: str
    inner: Any = None


class Plan(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    title: str
    steps: list[str] = []
    _seen: int = pydantic.PrivateAttr(default=0)


class Point(NamedTuple):
    x: int
    y: int


Old = namedtuple("Old", "a b")


class Html(str):
    """A subclass of a built-in with an additional attribute."""


class Bag(dict):  # type: ignore[type-arg]
    """A dict subclass whose methods return wrong items."""

    def __iter__(self):
        raise RuntimeError("no")

    def items(self):
        raise RuntimeError("no")


def through(value: Any) -> Any:
    """Encode, store as JSON, decode."""
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


VALUES = [
    None, True, 0, -1, 2**53, -(2**300), 1.5, -0.0, "", "text", "nul\0 surrogate\ud800 back\\slash",
    "emoji 🎉", b"", b"text", b"\xff\x00\xfe", bytearray(b"x\0"), 1 + 2j, ..., NotImplemented,
    range(3), range(10, 0, -2), slice(1, None, 2), (), (1, (2, [3])), [], {1, 2}, frozenset({"a"}),
    {"$": 1, "$$": 2, "$ref": "#/x", "": 0}, {1: "a", (2, 3): "b", None: "c"}, {"nul\0": 1},
    {"b": 1, "a": 2}, deque([1, 2], maxlen=5), OrderedDict(b=1, a=2), Counter("aab"),
    defaultdict(list, {"a": [1]}), SimpleNamespace(a=1, b=[2]), Decimal("1.10"), Decimal("NaN"),
    Fraction(1, 3), uuid.UUID(int=7), Path("/tmp/x"), PurePosixPath("a/b"), PureWindowsPath("c:/x"),
    dt.datetime(2024, 1, 2, 3, 4, 5, 6), dt.datetime(2024, 1, 2, tzinfo=dt.UTC),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    dt.datetime(2024, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
    dt.date(2024, 2, 29), dt.time(1, 2, 3, tzinfo=dt.UTC), dt.timedelta(days=-1, microseconds=5),
    dt.timezone(dt.timedelta(hours=1)), ZoneInfo("Asia/Tokyo"), Colour.RED, Level.A | Level.B,
    Word.YES, {Colour.RED: 1}, File("a", b"x"), Frozen((File("a"), File("b"))), Part("a", Part("b")),
    Plan(title="t", steps=["x"], more=1), Point(1, 2), Old(1, [2]), Html("<p>"), int, Plan, Colour,
]  # fmt: skip


@each("value", VALUES)
def test_round_trip_keeps_type_and_value(value: Any) -> None:
    """A decoded value is equal to the encoded one and of the same class."""
    again = through(value)
    assert type(again) is type(value)
    if isinstance(value, Decimal) and value.is_nan():
        assert again.is_nan()
    elif isinstance(value, SimpleNamespace):
        assert vars(again) == vars(value)
    else:
        assert again == value
        assert repr(again) == repr(value)


def test_what_a_program_gave_is_data() -> None:
    """A CompletedProcess is rebuilt with its output."""
    done = subprocess.CompletedProcess(["tsc", "-p", Path(".")], 2, b"error TS2322", "")
    again = through(done)
    assert type(again) is subprocess.CompletedProcess
    assert vars(again) == vars(done)


def test_special_floats() -> None:
    """NaN and infinities are encoded in strict JSON and rebuilt."""
    assert math.isnan(through(math.nan))
    assert through([math.inf, -math.inf]) == [math.inf, -math.inf]


def test_order_of_keys_is_kept() -> None:
    """Dicts with any keys keep their order."""
    assert list(through({"b": 1, "a": 2})) == ["b", "a"]
    assert list(through({2: 1, 1: 2})) == [2, 1]


def test_attributes_beyond_fields_survive() -> None:
    """Attributes set by __post_init__ and private attributes are rebuilt without a constructor call."""
    assert through(File("a", b"xyz")).size == 3
    plan = Plan(title="t")
    plan._seen = 7
    again = through(plan)
    assert again._seen == 7
    assert again.model_fields_set == {"title"}
    assert through(Plan(title="t", more=1)).more == 1
    html = Html("x")
    html.note = "n"  # type: ignore[attr-defined]
    assert through(html).note == "n"
    assert through(MappingProxyType({"a": 1})) == {"a": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(
        st.characters(codec=None, exclude_categories=())) | st.binary() | st.decimals(
        allow_nan=False) | st.datetimes() | st.uuids() | st.timedeltas(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner)
    | st.dictionaries(st.text(st.characters(exclude_categories=())) | st.integers(), inner)
    | st.builds(Part, name=st.text(), inner=inner),
    max_leaves=30,
)  # fmt: skip


@given(JSON)
def test_any_plain_value_survives(value: Any) -> None:
    """Any value of supported classes is rebuilt equal, and its tree is the same again."""
    tree = encode(value)
    again = through(value)
    assert again == value
    assert encode(again) == tree
    assert digest(encode(again)) == digest(tree)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner)
    | st.dictionaries(st.text() | st.sampled_from(["$", "v", "type", "fields"]), inner)
    | st.fixed_dictionaries(
        {"$": st.sampled_from(
            "opaque text int float pairs tuple set bytes complex range slice type datetime date "
            "time timedelta timezone zone decimal fraction uuid deque ordereddict defaultdict "
            "counter proxy namespace path enum namedtuple object model model1 sub error response "
            "request headers url nonsense".split())},
        optional={
            "v": inner, "fields": inner, "args": inner, "set": inner, "extra": inner,
            "type": st.sampled_from(["os:system", "subprocess:Popen", "builtins:eval", "builtins:str",
                                     "builtins:OSError", "pathlib:Path", f"{__name__}:File",
                                     f"{__name__}:Plan", f"{__name__}:Colour", "a:b", "x"]) | inner,
            "base": st.sampled_from(["str", "dict", "int", "list"]) | inner, "path": inner,
            "utf8": inner, "latin1": inner, "kind": inner, "name": inner, "value": inner,
            "library": st.sampled_from(["httpx", "requests", "os"]) | inner, "status": inner,
            "members": inner, "built_in": inner, "cause": inner, "adapter": inner, "why": inner,
            "maxlen": inner, "factory": inner, "headers": inner, "body": inner, "request": inner,
        },
    ),
    max_leaves=12,
)  # fmt: skip


@given(TREES)
@example({"$": "opaque"})  # a decoder's KeyError, which the outer handler turns into a PayloadError
def test_a_hostile_tree_is_refused_or_rebuilt_never_worse(tree: Any) -> None:
    """For any tree the decoder raises nothing but PayloadError."""
    try:
        decode(tree)
    except PayloadError:
        pass


@each(
    "path, tag",
    ["os:system", "builtins:eval", "subprocess:Popen", "pathlib:Path", "threading:Thread",
     "tempfile:NamedTemporaryFile"],
    ["object", "model", "model1", "enum", "namedtuple", "sub", "error"],
)  # fmt: skip
def test_data_cannot_make_what_is_no_data(path: str, tag: str) -> None:
    """A tree that names a function or a class of another kind yields an opaque value."""
    tree = {"$": tag, "type": path, "fields": {}, "name": "x", "set": [], "base": "str", "v": "ls",
            "args": {"$": "tuple", "v": ["ls"]}}  # fmt: skip
    assert type(decode(tree)) is Opaque


def test_paths_that_are_no_paths_are_refused() -> None:
    """An import path is dotted identifiers, nothing else."""
    for path in ("os.path", "os:", ":x", "a b:c", "os:sys;tem", "x" * 1000, 5, None, "../a:b"):
        assert type(decode({"$": "object", "type": path, "fields": {}})) is Opaque


# --- hostile values ---------------------------------------------------------


class Raising:  # noqa: PLW1641 - what it does instead is the point
    """Raises on every access."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    __repr__ = __str__ = __hash__ = __iter__ = __len__ = __bool__ = lambda self: 1 / 0  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


@dataclasses.dataclass
class Exiting:
    """A dataclass whose attributes end the process."""

    a: int = 1

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit(3)


class Zone(dt.tzinfo):
    def utcoffset(self, when: Any) -> Any:
        raise ValueError("no offset")


def test_hostile_objects_become_opaque_beside_what_is_sound() -> None:
    """One member that cannot be encoded does not affect the others."""
    closed = io.StringIO()
    closed.close()
    bad = [Raising(), threading.Lock(), (i for i in ()), closed, open, lambda: 1, object(),
           threading.current_thread(), httpx.Client(), dt.datetime(2024, 1, 1, tzinfo=Zone()),
           memoryview(b"x"), re_pattern(), iter([1])]  # fmt: skip
    tree = encode({"good": [1, "two"], "bad": bad})
    again = decode(json.loads(json.dumps(tree)))
    assert again["good"] == [1, "two"]
    assert all(type(item) is Opaque for item in again["bad"])
    assert len(again["bad"]) == len(bad)


def re_pattern() -> Any:
    import re

    return re.compile("x")


def test_exits_raised_by_attributes_are_contained() -> None:
    """encode raises neither SystemExit nor an error of __getattribute__."""
    json.dumps(encode([Exiting(), Raising()]))
    json.dumps(encode(Exiting()))


def test_a_lying_dict_is_read_past_its_lies() -> None:
    """A dict subclass is read with dict's own methods and rebuilt as its class."""
    bag = Bag(a=1)
    again = through(bag)
    assert type(again) is Bag
    assert dict.__getitem__(again, "a") == 1


def test_classes_without_an_import_path_are_opaque() -> None:
    """A class made inside a function cannot be found by another process."""

    @dataclasses.dataclass
    class Local:
        a: int = 1

    assert encode(Local()) == {"$": "opaque", "type": encode(Local())["type"], "why": "local"}


def test_cycles_and_depth_end() -> None:
    """Cyclic and infinitely deep values take bounded time and contain opaque parts."""
    loop: list[Any] = [1]
    loop.append(loop)
    again = through(loop)
    assert again[0] == 1
    assert type(again[1]) is Opaque
    node = Part("x")
    node.inner = {"me": node}
    assert type(through(node).inner["me"]) is Opaque
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    json.dumps(encode(deep))
    bushy: list[Any] = ["x"]
    for _ in range(60):
        bushy.append([bushy[-1], bushy[-1]])
    assert growth(lambda: encode(bushy[19]), lambda: encode(bushy[60]), rounds=2) < 6


@pytest.mark.parametrize(
    "value",
    ["x" * 100_000_000, b"x" * 100_000_000, ["x"] * 5_000_000, {"a": "é" * 50_000_000},
     dict.fromkeys(range(1_000_000)), 1 << 100_000_000, Html("y" * 10_000_000),
     ["x" * 1000] * 10_000, [[[f"{i}" * 50] for i in range(20)] for _ in range(10_000)],
     bytearray(10_000_000)],
    ids=["str", "bytes", "list", "é", "dict", "int", "subclass", "texts", "nested", "bytearray"],
)  # fmt: skip
def test_what_is_too_large_is_opaque_never_cut(value: Any) -> None:
    """A value over the limit is opaque with reason size, in little time and memory."""
    assert instructions(lambda: encode(value)) < 1_000_000
    text = json.dumps(encode(value))
    assert len(text) < 1_200_000
    assert '"size"' in text


def test_a_large_member_leaves_the_rest() -> None:
    """Only the member that does not fit is opaque."""
    again = through({"prompt": "small", "blob": "x" * 1_000_000, "after": 1})
    assert again["prompt"] == "small"
    assert again["after"] == 1
    assert type(again["blob"]) is Opaque


def test_limit_is_honoured() -> None:
    """Text of exactly the limit is encoded, one character more is opaque."""
    assert encode("x" * 1000, 1000) == "x" * 1000
    assert encode("x" * 1001, 1000)["why"] == "size"


# --- opaque -----------------------------------------------------------------


@each(
    "touch",
    [str, repr, bool, len, iter, hash, lambda o: o.x, lambda o: o(), lambda o: o == 1,
     lambda o: o < 1, lambda o: o[0], lambda o: f"{o}", lambda o: 1 in o, lambda o: o + 1,
     lambda o: 1 + o, lambda o: isinstance(o, str), lambda o: setattr(o, "a", 1), int,
     next, lambda o: o.__enter__(), lambda o: {o: 1}, json.dumps,
     lambda o: hasattr(o, "x"), lambda o: o.__dict__, "{}".format],
)  # fmt: skip
def test_every_touch_of_an_opaque_value_is_seen(touch: Any) -> None:
    """Use of an Opaque raises past ``except Exception``, and is listed even if the code catches it."""
    forget_touches()
    opaque = decode({"$": "opaque", "type": "app:Session", "why": "unsupported"})
    with pytest.raises(OpaqueTouched):
        try:
            touch(opaque)
        except Exception:
            pytest.fail("swallowed by except Exception")
    assert "app:Session" in touches()[0]
    forget_touches()


def test_opaque_may_be_passed_on_and_encoded_again() -> None:
    """Passing an Opaque on, ``is`` and encoding it do not count as use."""
    forget_touches()
    opaque = decode({"$": "opaque", "type": "app:Session", "why": "unsupported"})
    holder = [opaque, (opaque,)]
    assert holder[0] is opaque
    assert encode(opaque) == {"$": "opaque", "type": "app:Session", "why": "unsupported"}
    assert shape({"a": opaque})["keys"] == ["a"]
    assert touches() == ()


# --- digest and shape --------------------------------------------------------


def test_digest_ignores_the_order_of_keys_and_sets() -> None:
    """Equal values have equal digests; different ones differ."""
    assert digest(encode({"a": 1, "b": {3, 1, 2}})) == digest(encode({"b": {2, 3, 1}, "a": 1}))
    assert digest(encode(["a", "b"])) != digest(encode(["b", "a"]))
    assert digest(encode(1)) != digest(encode("1"))


def test_shape_tells_type_keys_and_emptiness() -> None:
    """The shape names what a result has, what in it is empty and what is not."""
    assert shape({"files": {"a": ""}, "ok": True, "notes": "  ", "n": 0}) == {
        "type": "dict",
        "keys": ["files", "ok", "notes", "n"],
        "non_empty": ["files", "n", "ok"],
        "empties": ["files.a", "notes"],
        "empty": False,
    }
    assert shape(None)["empty"]
    assert shape([])["empty"]
    assert shape(" \n")["empty"]
    assert shape(Part("x", []))["type"] == f"{__name__}:Part"
    assert shape(Part("x", []))["empties"] == ["inner"]
    assert shape(Raising())["keys"] == []
