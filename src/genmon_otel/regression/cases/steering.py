"""Environment variables that no case may set, whatever the configuration says.

They do not configure an application: they choose which code an interpreter, a linker, a
shell or a tool runs, or where it finds what it trusts.
"""

from __future__ import annotations

import re
from typing import Any, Final

#: No environment can hold them.
_UNFIT: Final = re.compile("[\0\ud800-\udfff]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}\Z")

#: Grouped by the program that they control. A name ending in ``*`` matches every name that begins so, one that
#: begins with ``*`` for every name that ends so. Compared in capitals.
_STEERING: Final = {
    "an interpreter": "PYTHON* PERL* RUBY* GEM_* BUNDLE_* NODE_* NPM_* YARN_* PNPM_* BUN_* DENO_* "
    "JAVA_* JDK_* _JAVA_OPTIONS JVM_* CLASSPATH LUA_* PHP* R_* JULIA_* DOTNET_* CORECLR_* COMPLUS_* "
    "GOFLAGS GOROOT GOPATH GOPROXY RUST* CARGO_* ERL_* ELIXIR_* TCL* GUILE_* "
    "MONO_* PYDEVD_* DEBUGPY_* TS_NODE_* ELECTRON_* GRADLE_* MAVEN_* ANT_* "
    "MPLBACKEND MATPLOTLIBRC MPLCONFIGDIR IPYTHON* JUPYTER_* AWK* ASPNETCORE_* GROOVY_* SBT_*",
    "the dynamic linker or the C library": "LD_* DYLD_* LIBPATH SHLIB_PATH GLIBC_* GCONV_PATH "
    "GETCONF_DIR LOCPATH NLSPATH MALLOC_* NIS_PATH HOSTALIASES LOCALDOMAIN RES_OPTIONS RESOLV_* "
    "TZDIR TERMINFO* TERMCAP LIBRARY_PATH CPATH C_INCLUDE_PATH CC CXX CFLAGS LDFLAGS ASAN_* "
    "LSAN_* UBSAN_* TSAN_*",
    "a compiler": "AR NM AS LD FC F77 CPP CPPFLAGS CXXFLAGS LDSHARED CGO_* GCC_* COMPILER_PATH PKG_CONFIG* CMAKE_* "
    "GOENV GOCACHE GOBIN GOTOOLCHAIN CCACHE_* DISTCC_* CFFI_* SDKROOT DEVELOPER_DIR",
    "which compiled or generated code a library loads": "*_DRIVER_PATH *_DRIVERS_PATH *_PLUGIN_PATH *_PLUGINS "
    "*_PLUGIN_DIR *_LAYER_PATH *_MODULE_PATH *_MODULES_CACHE *_EXTENSIONS_DIR *_LIBRARY_PATH *_TYPELIB_PATH "
    "NUMBA_* TRITON_* TORCHINDUCTOR_* TORCH_EXTENSIONS_* CUDA_INJECTION* VK_* OCL_* SDL_* OMP_TOOL* *_MCA_* "
    "ODBC* ORACLE_HOME TNS_ADMIN SASL_PATH LDAPCONF LDAPRC PKCS11_* P11_* MAGICK_* GS_LIB ALSA_CONFIG_* LADSPA_PATH "
    "FREI0R_PATH THEANO_FLAGS PYSPARK_* SPARK_* HADOOP_* CLOUDSDK_*",
    "a shell": "PATH PATHEXT IFS ENV BASH* SHELL SHELLOPTS PS1 PS2 PS3 PS4 PROMPT* CDPATH ZDOTDIR "
    "FPATH GLOBIGNORE INPUTRC COMSPEC HISTFILE KSH* ZSH* FCEDIT MAKEFLAGS MAKEFILES MFLAGS SUDO_*",
    "a browser, an editor or a pager": "BROWSER CHROME_* CHROMIUM_* "
    "CHROMEDRIVER* MOZ_* PLAYWRIGHT_* PUPPETEER_* SE_* WDM_* EDITOR VISUAL *_EDITOR PAGER *PAGER LESS* MORE "
    "LESSOPEN VIM* EXINIT EMACS* DISPLAY WAYLAND_* DBUS_* QT_* GTK_* GDK_* GIO_* GST_* XDG_*",
    "a version control or remote shell program": "GIT_* SSH_* GPG_* GNUPGHOME HG* SVN_* CVS* RSYNC_*",
    "what a connection trusts or where it goes": "SSL_* SSLKEYLOGFILE OPENSSL_* *CA_BUNDLE "
    "*_CA_FILE *_CAFILE *_CACERT* *_CA_CERT* *_PROXY CURL_* NETRC WGETRC PSQLRC TAR_OPTIONS KRB5* GRPC_DEFAULT_SSL* PGSERVICE* "
    "PGSYSCONFDIR PGSSL* PGPASSFILE MYSQL_HOME",
    "a package manager": "PIP_* PIPX_* UV_* POETRY_* PDM_* HATCH_* CONDA_* MAMBA_* VIRTUAL_ENV* "
    "TWINE_* HOMEBREW_* SETUPTOOLS_* DISTUTILS_*",
    "a file that names a program to run": "AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE "
    "BOTO_CONFIG KUBECONFIG GOOGLE_APPLICATION_CREDENTIALS GOOGLE_EXTERNAL_* DOCKER_* CONTAINER_*",
    "where a process is at home": "HOME USERPROFILE HOMEDRIVE HOMEPATH TMPDIR TEMP TMP APPDATA "
    "LOCALAPPDATA PROGRAMDATA SYSTEMROOT WINDIR PWD OLDPWD",
    "this replay or its test run": "GENMON_* PYTEST_* OTEL_* COVERAGE_* COV_CORE_* TOX_* NOX_*",
}  # fmt: skip


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word).replace(r"\*", ".*") for word in words.split()))


_PATTERNS: Final = tuple((what, _pattern(words)) for what, words in _STEERING.items())


def objection(name: Any, value: Any = "") -> str:
    """Say why a variable may not be set in a replay; empty where it may be allowed."""
    if not isinstance(name, str) or not _NAME.match(name):
        return f"{str(name)[:100]!r} is no name of a variable. Use letters, digits and '_'."
    if _UNFIT.search(str(value)):
        return f"the value of {name} holds a NUL character or half a surrogate pair."
    for what, pattern in _PATTERNS:
        if pattern.fullmatch(name.upper()):
            return (
                f"{name} steers {what}; no case may set it, and no configuration allows it. "
                "Let the application read a variable of its own."
            )
    return ""
