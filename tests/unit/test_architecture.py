"""The architecture: imports run one way and in no circle, privates stay private, modules stay small.

Each test lists every violation at once. Allowed are only the privates of the standard library and of
prometheus_client in ``tests/data/architecture/known_reach_through.txt``, a line each with its reason. A
violation that is not listed fails, and so does a line that is no longer true.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

#: On one worker, which reads every module once.
pytestmark = pytest.mark.xdist_group("architecture")
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "genmon_otel"
KNOWN = ROOT / "tests" / "data" / "architecture"

#: The packages, line by line; a module imports only from its own line or from lines above it.
LINES: tuple[frozenset[str], ...] = (
    frozenset({"conventions", "errors", "_version"}),
    frozenset(
        "addresses records slots text stacks redaction classification control_flow interruption fingerprint payload "
        "bodies histories exchanges recordings policy settings rules corrections failure_log".split()
    ),
    frozenset({"ports", "clock", "identity", "null_sink", "internal_errors"}),
    frozenset("forks instruments recorder decorators capture".split()),
    frozenset("journal writer processor store code_version threads".split()),
    frozenset({"regression"}),
    frozenset({"wording"}),
    frozenset("testing pytest_plugin wiring assets cli demo ui".split()),
)
#: Libraries that only some lines may import: name -> first line that may.
HEAVY = {"sqlalchemy": 4, "alembic": 4, "psycopg": 4, "rich": 7, "click": 7, "pytest": 7}
#: Names with an underscore that their owners document as public.
PUBLIC = frozenset("_replace _asdict _fields _make _mapping _getframe _exit".split())

#: Which names a module imports from which: (module, name in it or "").
Imports = frozenset[tuple[str, str]]
Graph = Mapping[str, frozenset[str]]


def name_of(path: Path) -> str:
    """The dotted name of a source file below ``genmon_otel``; ``""`` is the package itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}
MODULES = {name: path for name, path in FILES.items() if name}


@cache
def tree_of(module: str) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def package_of(module: str) -> str:
    """The top-level package or module that a module belongs to."""
    return module.partition(".")[0]


def line_of(module: str) -> int:
    """The line of a module's package: 0 for words, 7 for entry points."""
    for number, packages in enumerate(LINES):
        if package_of(module) in packages:
            return number
    raise AssertionError(f"{module} has no line: add its package to LINES and ARCHITECTURE.md")


@cache
def imports(module: str) -> Imports:
    """Every import of a module: inside functions and for type checking, too."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found.update((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found.update((node.module or "", alias.name) for alias in node.names)
    return frozenset(found)


def own(imported: tuple[str, str]) -> str | None:
    """The module of ours that an import reads, the deepest that is named; ``None`` for another's."""
    path, name = imported
    head, _, rest = path.partition(".")
    if head != "genmon_otel":
        return None
    deeper = f"{rest}.{name}".strip(".")
    return deeper if deeper in FILES else rest


def module_graph() -> Graph:
    """Which module imports which."""
    return {
        module: frozenset(
            found
            for each in imports(module)
            if (found := own(each)) is not None and found != module
        )
        for module in FILES
    }


def package_graph() -> Graph:
    """Which package imports which."""
    graph: dict[str, frozenset[str]] = {}
    for module, targets in module_graph().items():
        mine = package_of(module)
        graph[mine] = graph.get(mine, frozenset()) | {package_of(target) for target in targets}
        graph[mine] -= {mine}
    return graph


def reachable(graph: Graph, start: str) -> set[str]:
    """All that can be reached from a node by one step or more."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for target in graph[waiting.pop()] - found:
            found.add(target)
            waiting.append(target)
    return found


def in_circles(graph: Graph) -> set[str]:
    """Every edge that is part of a cycle, as ``from -> to``."""
    reach = {node: reachable(graph, node) for node in graph}
    return {
        f"{start or 'genmon_otel'} -> {end or 'genmon_otel'}"
        for start, targets in graph.items()
        for end in targets
        if start in reach[end]
    }


def is_private(name: str) -> bool:
    """Whether an underscore says: not for others."""
    return (
        name.startswith("_")
        and not name.endswith("_")
        and not name.startswith("__")
        and name not in PUBLIC
    )


def defined_in(tree: ast.Module) -> set[str]:
    """Every name that a module gives to something: attributes, slots, functions, classes, constants."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                found.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id="__slots__")], value=slots):
                found.update(ast.literal_eval(slots))
    return found


def reached_through(tree: ast.Module) -> set[str]:
    """The private attributes of another module's objects that a module touches."""
    mine = defined_in(tree)
    return {
        f"{ast.unparse(node.value).rpartition('.')[2]}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and is_private(node.attr)
        and node.attr not in mine
        # What a class of another module hands down to the class here is theirs in common.
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }


def compare(found: set[str], known: str | None, remedy: str) -> None:
    """Fail with every violation that is new and every known one that is gone."""
    path = KNOWN / f"{known}.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if known else []
    listed = {line.partition(" # ")[0] for line in lines}
    assert all(" # " in line for line in lines), f"{path.name}: give each line its reason"
    wrong = []
    if found - listed:
        wrong += [f"{remedy}:", *sorted(found - listed)]
    if listed - found:
        wrong += [f"mended; delete from {path.relative_to(ROOT)}:", *sorted(listed - found)]
    assert not wrong, "\n".join(wrong)


def test_imports_run_one_way() -> None:
    """A module imports only from its own line of the architecture or from lines above it."""
    found = set()
    for module in MODULES:
        mine = line_of(module)
        for imported in imports(module):
            if target := own(imported):
                if line_of(target) > mine:
                    found.add(f"{module} (line {mine}) imports {target} (line {line_of(target)})")
            elif HEAVY.get(package_of(imported[0]), 0) > mine:
                found.add(f"{module} (line {mine}) imports {imported[0]}")
    compare(found, None, "imports that run upwards")


def test_packages_import_each_other_in_no_circle() -> None:
    """No package imports, over whatever way, a package that imports it."""
    compare(in_circles(package_graph()), None, "imports in a circle of packages")


def test_modules_import_each_other_in_no_circle() -> None:
    """No module imports, over whatever way, a module that imports it; not for its types either."""
    compare(in_circles(module_graph()), None, "imports in a circle of modules")


def test_privates_of_another_package_are_not_imported() -> None:
    """A name with an underscore is imported inside its own package only."""
    found = {
        f"{module} imports {target}.{name}".rstrip(".")
        for module in MODULES
        for path, name in imports(module)
        if (target := own((path, name))) is not None
        and package_of(target) != package_of(module)
        and any(map(is_private, [*target.split("."), name]))
        and target != "_version"
    }
    compare(found, None, "privates of another package")


def test_privates_of_another_modules_objects_are_not_touched() -> None:
    """An attribute with an underscore is used only in the module that defines it."""
    # adapters are left out: they rebuild the objects of client libraries, which have no public way for it
    found = {
        f"{module}: {each}"
        for module in MODULES
        if not module.startswith("capture.adapters.")
        for each in reached_through(tree_of(module))
    }
    compare(found, "known_reach_through", "privates of another module's objects")


def test_modules_stay_small() -> None:
    """No module exceeds 400 lines."""
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in FILES.items()}
    compare({f"{name} has {n} lines" for name, n in lines.items() if n > 400}, None, "too long")


def test_every_module_says_what_it_is_for() -> None:
    """Every module opens with a docstring."""
    silent = {
        name for name in MODULES if tree_of(name).body and not ast.get_docstring(tree_of(name))
    }
    compare(silent, None, "no docstring")


def test_files_of_tests_have_names_of_their_own() -> None:
    """No two folders hold a file of one name: pytest imports files by name alone, and takes one for the other."""
    seen: dict[str, Path] = {}
    twice = {
        f"{path.relative_to(ROOT)} and {seen[path.name].relative_to(ROOT)}"
        for path in sorted((ROOT / "tests").glob("*/*.py"))
        if path.name not in ("__init__.py", "conftest.py")
        and seen.setdefault(path.name, path) is not path
    }
    compare(twice, None, "two files of one name")


def test_the_rules_can_be_broken() -> None:
    """A circle over two steps, a reach through and a private of another's object are each found."""
    circle = {
        "a": frozenset({"b"}),
        "b": frozenset({"c"}),
        "c": frozenset({"b"}),
        "d": frozenset({"a"}),
    }
    assert in_circles(circle) == {"b -> c", "c -> b"}
    reaching = ast.parse(
        "class A:\n def f(self, other):\n  self._b = other._b\n  self.c.d._e\n  self._inherited\n  os._x()"
    )
    assert reached_through(reaching) == {"d._e", "os._x"}
    assert own(("genmon_otel", "errors")) == own(("genmon_otel.errors", "GenmonError")) == "errors"
    assert own(("genmon_otel", "setup")) == ""
    assert own(("json", "loads")) is None


def test_modules_of_the_recorder_import_in_the_documented_order() -> None:
    """ARCHITECTURE.md lists each module of ``recorder/`` once, behind all that it imports."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listed = text.partition("imports only from those before it: ")[2].partition(".\n")[0]
    order = listed.replace("`", "").split()
    mine = [
        module
        for module in MODULES
        if module.startswith("recorder.") and FILES[module].name != "__init__.py"
    ]
    assert sorted(order) == sorted(module.removeprefix("recorder.") for module in mine)
    late = {
        f"{module} imports {target}"
        for module in mine
        for each in imports(module)
        if (target := own(each)) in mine
        and order.index(target.removeprefix("recorder."))
        > order.index(module.removeprefix("recorder."))
    }
    compare(late, None, "imports of what comes later")


def test_packages_of_regression_import_in_the_documented_order() -> None:
    """ARCHITECTURE.md lists each package of ``regression/`` once, behind all that it imports; its own modules come last."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listed = text.partition("a package imports only from those before it: ")[2].partition(".\n")[0]
    order = [f"regression.{name}" for name in listed.replace("`", "").split()]
    mine = [module for module in MODULES if module.startswith("regression.")]
    packages = [module for module in mine if FILES[module].name == "__init__.py"]
    assert sorted(order) == sorted(packages)

    def position(module: str) -> int:
        parent = module if module in order else module.rpartition(".")[0]
        return order.index(parent) if parent in order else len(order)

    late = {
        f"{module} imports {target}"
        for module in mine
        for each in imports(module)
        if (target := own(each)) in mine and position(target) > position(module)
    }
    compare(late, None, "imports of what comes later")


def test_objects_of_the_recorder_are_changed_by_themselves_only() -> None:
    """No module of ``recorder/`` sets an attribute of anything but ``self``; responses get a new body."""
    found = {
        f"{module} sets {ast.unparse(target)}"
        for module in MODULES
        if module.startswith("recorder.")
        for node in ast.walk(tree_of(module))
        for target in (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, (ast.AugAssign, ast.AnnAssign))
            else []
        )
        for target in (target.elts if isinstance(target, ast.Tuple) else [target])
        if isinstance(target, ast.Attribute) and ast.unparse(target.value) != "self"
    }
    allowed = {"response.body_iterator", "self._genmon_target.__class__"}
    compare({each for each in found if each.partition(" sets ")[2] not in allowed}, None, "writes")


def test_no_exception_is_logged_as_it_is() -> None:
    """An exception's stack may quote a secret: it goes into a log line through ``stack_for_log``."""
    found = {
        f"{module}: {ast.unparse(node)[:80]}"
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in ("_log", "logging", "traceback")
        and (
            node.func.attr in ("exception", "print_exc", "print_exception", "format_exc")
            or any(keyword.arg == "exc_info" for keyword in node.keywords)
        )
    }
    compare(found, None, "use stack_for_log")
