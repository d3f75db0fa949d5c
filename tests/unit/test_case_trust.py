"""What a case file may name: folders, variables, programs, functions; and what it never may."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genmon_otel.errors import ConfigurationError, GenmonError, PayloadError
from genmon_otel.recorder.runtime import remembered_target
from genmon_otel.regression.cases import steering
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.cases.configuration import trust_in
from genmon_otel.regression.cases.needs import Needs
from genmon_otel.regression.cases.trust import NONE, Trust
from genmon_otel.regression.replaying.lookup import Lookup, Refused, where_it_went
from genmon_otel.testing import factory, postcondition

CASE = Case(
    slug="case", operation="build", target="shop_main:build", inputs={}, steps=(),
    trigger=CaseTrigger("input"), expected=Expected("v2:x", "unknown", "ValueError"),
)  # fmt: skip

STEERING = (
    "PYTHONWARNINGS PYTHONPATH PYTHONSTARTUP PYTHONINSPECT PYTHONHOME PYTHONBREAKPOINT "
    "PERL5OPT PERL5LIB RUBYOPT RUBYLIB NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NPM_CONFIG_PREFIX "
    "JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH LUA_INIT PHPRC "
    "LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH GLIBC_TUNABLES LOCPATH "
    "HOSTALIASES RES_OPTIONS MALLOC_TRACE "
    "PATH path Path IFS ENV BASH_ENV BASH_FUNC_x SHELL SHELLOPTS PS4 PROMPT_COMMAND ZDOTDIR "
    "BROWSER EDITOR VISUAL GIT_EDITOR PAGER MANPAGER GIT_PAGER LESSOPEN LESS VIMINIT "
    "GIT_SSH_COMMAND GIT_DIR GIT_CONFIG_GLOBAL SSH_ASKPASS "
    "SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE OPENSSL_CONF REQUESTS_CA_BUNDLE AWS_CA_BUNDLE "
    "CURL_CA_BUNDLE HTTP_PROXY https_proxy ALL_PROXY NO_PROXY NETRC "
    "PIP_INDEX_URL UV_INDEX_URL POETRY_HOME CONDA_PREFIX VIRTUAL_ENV "
    "AWS_CONFIG_FILE KUBECONFIG GOOGLE_APPLICATION_CREDENTIALS "
    "HOME TMPDIR TEMP XDG_CONFIG_HOME USERPROFILE PWD "
    "GENMON_REPLAY GENMON_STORE PYTEST_ADDOPTS PYTEST_PLUGINS OTEL_EXPORTER_OTLP_ENDPOINT "
    "COVERAGE_PROCESS_START COV_CORE_SOURCE "
    "CHROME_PATH PLAYWRIGHT_NODEJS_PATH PUPPETEER_EXECUTABLE_PATH SE_CHROMEDRIVER CPPFLAGS PKG_CONFIG "
    "NUMBA_CACHE_DIR TRITON_CACHE_DIR CUDA_INJECTION64_PATH VK_LAYER_PATH LIBGL_DRIVERS_PATH ODBCINI "
    "HDF5_PLUGIN_PATH GI_TYPELIB_PATH HF_MODULES_CACHE OMPI_MCA_x OMP_TOOL_LIBRARIES SASL_PATH PGSERVICEFILE "
    "MAGICK_CONFIGURE_PATH PYSPARK_PYTHON CLOUDSDK_PYTHON"
).split()
HARMLESS = (
    "MODE REGION MODEL_NAME DATABASE_URL APP_ENV ENVIRONMENT DEBUG LOG_LEVEL TZ LANG LC_ALL "
    "FEATURE_X STRIPE_ACCOUNT PATHS SHELL_NAME MY_HOME AWS_REGION OPENAI_MODEL PAGE_SIZE "
    "EDITORIAL BROWSERLESS_URL PROXY_NAME OMP_NUM_THREADS RATE R2_BUCKET GO_LIVE "
    "HF_HOME PGHOST PGUSER MYSQL_HOST DJANGO_SETTINGS_MODULE MODULE_PATHS CHROMA_HOST OPENAI_BASE_URL SEED AS_OF"
).split()


def test_variables_that_steer_are_refused_whatever_is_configured() -> None:
    """A variable that says which code runs is refused; an application's own is not."""
    assert [name for name in STEERING if not steering.objection(name)] == []
    assert [name for name in HARMLESS if steering.objection(name)] == []
    for name in ("", "A=B", "A B", "1A", "A\0", "Ä", "A\n", None, 7):
        assert steering.objection(name), name
    assert steering.objection("MODE", "a\0b")
    assert steering.objection("MODE", "a\ud800b")
    allowing = Trust(env=tuple(STEERING))
    for name in STEERING:
        case = replaced(env={name: "x"})
        assert "not allowed" in allowing.objection(case, Path.cwd()), name
        with pytest.raises(ConfigurationError):
            Needs(env={name: "x"}).added_to(CASE)


def replaced(**changes: Any) -> Case:
    """The case with changes."""
    return replace(CASE, **changes)


ASKING: dict[str, dict[str, Any]] = {
    "env": {"env": {"MODE": "test", "REGION": "eu"}},
    "programs": {"programs": ("node", "npx")},
    "live": {"live": ("openai chat", "look_up")},
}
FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\n",
    "pytest.ini": "[pytest]\n",
    ".pytest.ini": "[pytest]\n",
    "tox.ini": "[pytest]\n",
    "setup.cfg": "[tool:pytest]\n",
    "pytest.toml": "[pytest]\n",
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("option", ASKING)
def test_the_remedy_works_when_copied(file: str, option: str, tmp_path: Path) -> None:
    """What is asked for is refused with lines that, put into the configuration, allow it."""
    case = replaced(**ASKING[option])
    path = tmp_path / file
    path.write_text(FILES[file], encoding="utf-8")
    refused = trust_in(tmp_path).objection(case, tmp_path)
    assert f"in {file}:" in refused
    path.write_text(FILES[file] + refused.partition(":\n")[2] + "\n", encoding="utf-8")
    trust = trust_in(tmp_path)
    assert trust.objection(case, tmp_path) == ""
    assert trust.lacking(case) == {}
    more = trust.objection(
        replaced(**{option: {"X": ""} if option == "env" else ("x-1",)}), tmp_path
    )
    path.write_text(FILES[file] + more.partition(":\n")[2] + "\n", encoding="utf-8")
    assert trust_in(tmp_path).objection(case, tmp_path) == ""  # what was allowed stays


def test_the_configuration_is_pytests(tmp_path: Path) -> None:
    """Of several files that decides which decides for pytest; a damaged one is named."""
    assert trust_in(tmp_path) == Trust()
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\ngenmon_env = A B\n  C\n")
    assert trust_in(tmp_path).env == ("A", "B", "C")
    (tmp_path / "pyproject.toml").write_text("[tool.black]\n")
    assert trust_in(tmp_path).env == ("A", "B", "C")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\ngenmon_env = ["D"]\ngenmon_roots = ["../lib", "own lib"]\n'
    )
    assert trust_in(tmp_path).env == ("D",)
    assert trust_in(tmp_path).roots == (str(tmp_path.parent / "lib"), str(tmp_path / "own lib"))
    (tmp_path / "pytest.ini").write_text("")
    assert trust_in(tmp_path).env == ()
    (tmp_path / "pytest.ini").write_text("[pytest\n")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        trust_in(tmp_path)
    with pytest.raises(ConfigurationError, match="genmon_env"):
        Trust.configured({"genmon_env": 7}, tmp_path)


def test_programs_are_bare_names() -> None:
    """A program is named without a folder, a space or an option."""
    for name in ("/bin/sh", "./sh", "..", "", "sh -c", "a\0b", "-rf", "a;b", "$(x)"):
        trust = Trust(programs=(name,))
        assert trust.objection(replaced(programs=(name,)), Path.cwd()), name
        with pytest.raises(ConfigurationError):
            Needs(programs=(name,)).added_to(CASE)


EVIL = "import os\nopen(os.environ['CANARY'], 'a').write(__name__)\n"
DECORATED = """
import functools, subprocess, threading
from subprocess import run as imported_run
from genmon_otel import generation
from genmon_otel.testing import factory, postcondition

def strike(*_):
    import os
    open(os.environ['CANARY'], 'a').write('called')

def other(function):
    @functools.wraps(function)
    def around(*args, **kwargs):
        return function(*args, **kwargs)
    return around

class Asked:
    __getattr__ = strike
    __class__ = property(strike)

asked = Asked()

@other
@generation
def build(request): ...

class Builder:
    @generation
    def build(self, request): ...
    @classmethod
    @generation
    def shared(cls, request): ...
    @staticmethod
    @generation
    def lone(request): ...
    class Inner:
        @generation
        def build(self, request): ...
    @property
    def trap(self):
        strike()
        return self

class Sub(Builder): ...

builder = Builder()
wrapped_other = generation(imported_run)
lazy = threading.Timer(1, strike)

def delete_all(): strike()
def __getattr__(name): strike()

@postcondition
def check(result): ...

class Checks:
    @staticmethod
    @postcondition
    def check(result): ...

def unmarked(result): strike()

class Wrapped:
    check = staticmethod(functools.partial(unmarked))

@factory
class Session: ...

class Child(Session): ...

@factory
def make(): ...
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with an application, environments inside it, and folders beside it."""
    home = tmp_path / "project"
    for path, source in {
        "project/shop_main.py": DECORATED,
        "project/shop_pkg/__init__.py": "",
        "project/shop_pkg/code.py": DECORATED,
        "project/.venv/lib/site-packages/shop_installed.py": EVIL + DECORATED,
        "project/env/shop_env.py": EVIL + DECORATED,
        "project/env/pyvenv.cfg": "",
        "project/node_modules/shop_node/__init__.py": EVIL + DECORATED,
        "outside/shop_out.py": EVIL + DECORATED,
        "outside/shop_out_pkg/__init__.py": EVIL,
        "outside/shop_out_pkg/code.py": DECORATED,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source, encoding="utf-8")
    (home / "linked").symlink_to(tmp_path / "outside")
    (home / "shop_linked.py").symlink_to(tmp_path / "outside" / "shop_out.py")
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    for folder in (".venv/lib/site-packages", "env", "node_modules", "linked", ""):
        monkeypatch.syspath_prepend(str(home / folder))
    yield home
    for name in [name for name in sys.modules if name.startswith("shop_")]:
        del sys.modules[name]


def find(project: Path, path: str, trust: Trust = NONE) -> Any:
    """Look a target up as a replay does."""
    lookup = Lookup(trust.within(project), trust)
    lookup.module(path)
    return lookup.target(path, remembered_target(path))[0]


def test_the_projects_decorated_code_is_found(project: Path) -> None:
    """Functions, methods of every kind, of subclasses, nested classes and objects are targets."""
    for module in ("shop_main", "shop_pkg.code"):
        for name in (
            "build", "Builder.build", "Builder.shared", "Builder.lone", "Builder.Inner.build",
            "Sub.build", "Sub.shared", "builder.build", "builder.shared",
        ):  # fmt: skip
            assert callable(find(project, f"{module}:{name}")), name
    beside = Trust(roots=(str(project.parent / "outside"),))
    assert callable(find(project, "shop_linked:build", beside))


REFUSED_TARGETS = """
shop_main:subprocess.run shop_main:threading.Thread.start shop_main:functools.partial
shop_main:wrapped_other shop_main:lazy.run shop_main:builder.trap.build
shop_main:build.__globals__ shop_main:Builder.trap.build shop_main:functools
shop_installed:build shop_env:build shop_node:build shop_out:build shop_out_pkg.code:build
shop_linked:build subprocess:run os:system builtins:exec builtins:eval sys:exit antigravity:x
json.tool:main this:x shop_pkg.code:subprocess.run importlib:import_module
""".split()


def test_every_other_target_is_refused_before_it_runs(project: Path) -> None:
    """Other modules, installed code, links that lead out and Python itself: nothing of them runs."""
    before = set(sys.modules)
    passed = []
    for path in REFUSED_TARGETS:
        try:
            find(project, path)
        except Refused:
            continue
        passed.append(path)
    assert passed == []
    assert not (project.parent / "canary").exists()
    assert not {"antigravity", "this", "shop_out", "shop_installed"} & (set(sys.modules) - before)


def test_undecorated_and_missing_names_are_not_run(project: Path) -> None:
    """A name without the decorator is read, never called; one that is made up is not asked for."""
    assert not hasattr(find(project, "shop_main:delete_all"), "__genmon__")
    for path in ("shop_main:made_up", "shop_main:made_up.build", "shop_none:x", "shop_pkg.none:x"):
        with pytest.raises(PayloadError):
            find(project, path)
        where_it_went(path)
    assert find(project, "shop_main:asked") is None
    for find_it in (Lookup.postcondition, Lookup.receiver):
        with pytest.raises((Refused, PayloadError)):
            find_it(Lookup(Trust().within(project), Trust()), "shop_main:asked")
    assert not (project.parent / "canary").exists()


def test_postconditions_and_factories_are_marked_or_configured(project: Path) -> None:
    """A mark in the project's code, the decorator's word or the configuration's; else refused."""
    lookup = Lookup(Trust().within(project), Trust())
    assert lookup.postcondition("shop_main:check")
    assert lookup.postcondition("shop_main:Checks.check")
    assert lookup.maker("shop_main:make", ())
    assert lookup.maker("shop_main:Session", ())
    assert lookup.maker("shop_main:Builder", ("shop_main:Builder",))
    refused = (
        "builtins:exec", "builtins:print", "os:system", "shop_main:unmarked", "shop_main:make",
        "shop_main:subprocess.run", "shop_out:check", "shop_installed:check", "shop_linked:check",
        "shop_main:Wrapped.check", "shop_main:build", "shop_main:check.__call__",
    )  # fmt: skip
    for path in refused:
        with pytest.raises((Refused, PayloadError)):
            lookup.postcondition(path)
        with pytest.raises((Refused, PayloadError)):
            lookup.maker(path.replace("make", "check"), ())
    with pytest.raises(Refused):
        lookup.maker("shop_main:Child", ())
    assert not (project.parent / "canary").exists()
    with pytest.raises(Refused) as said:
        lookup.postcondition("shop_main:unmarked")
    assert "@genmon_otel.testing.postcondition" in str(said.value)
    (project / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\n" + str(said.value).partition(":\n")[2]
    )
    trust = trust_in(project)
    assert Lookup(trust.within(project), trust).postcondition("shop_main:unmarked")


def test_a_root_lies_within_the_project(project: Path) -> None:
    """A root that leads out, through a link too, or into an environment is refused."""
    for root in ("linked", ".venv/lib/site-packages", ".venv", "env", "node_modules", "none/.venv"):
        assert "root" in Trust().objection(replaced(root=root), project), root
    for root in ("shop_pkg", "none", "."):
        assert Trust().objection(replaced(root=root), project) == "", root
    for root in ("..", "a/../..", "/etc"):
        with pytest.raises(GenmonError):
            replaced(root=root)
    named = Trust(roots=(str(project / ".venv"), str(project / "env")))
    assert named.objection(replaced(root="env"), project)
    beside = Trust(roots=(str(project.parent / "outside"),))
    assert beside.objection(replaced(root="linked"), project) == ""


def test_marks_go_on_functions() -> None:
    """A mark changes nothing of what it is put on; on what cannot hold it, it says so."""

    def check(result: Any) -> bool:
        return True

    assert postcondition(check) is check
    assert factory(check) is check
    for wrong in (7, print, None):
        with pytest.raises(GenmonError, match="@postcondition was put on"):
            postcondition(wrong)  # type: ignore[type-var]
