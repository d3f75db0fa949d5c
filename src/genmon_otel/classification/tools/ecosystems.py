"""What the package managers of other languages print, and builders of container images."""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import Entry, entry, form, printed
from genmon_otel.classification.verdict import DEPENDENCY, RATE, SYNTAX

#: Before everything else that speaks of files: limits of an image registry, and files that do not parse.
MANIFESTS: Final[tuple[Entry, ...]] = (
    entry(
        RATE,
        "docker.rate",
        "docker, when its registry limits pulls",
        "you have reached your (unauthenticated |)pull rate limit",
        "toomanyrequests: ",
    ),
    entry(
        SYNTAX,
        "manifest.syntax",
        "docker, Bundler, Composer, Go, cargo, MSBuild and Deno, a manifest or a source that does not parse",
        "dockerfile parse error",
        "there was an error parsing 'gemfile'",
        form(r"composer\.json['\"]? does not contain valid json", "composer"),
        "errors parsing go.mod",
        form(
            r"\.go:\d+:\d+: (?:expected [^\n]{1,40}, found|missing ','|string literal not terminated|illegal )",
            "go",
        ),
        "the module's source code could not be parsed",
        "this file contains an unclosed delimiter",
        form(r"\b(?:mismatched|unexpected) closing delimiter: [`'\"]", "delimiter"),
        form(r"\berror msb40(?:24|25)\b|\berror fs00(?:10|58)\b", "msb", "fs"),
    ),
)

ECOSYSTEMS: Final[tuple[Entry, ...]] = (
    entry(
        DEPENDENCY,
        "docker",
        "docker build and pull, an image or a file that is not there",
        "failed to resolve source metadata for",
        "pull access denied for",
        "pull access denied, repository does not exist",
        "manifest unknown: manifest unknown",
        form(
            r"\bfailed to (?:compute|calculate) (?:cache key|checksum of ref)\b[^\n]{0,200}not found",
            "failed",
        ),
        form(
            r"\bexec: ['\"][^'\"\n]{1,120}['\"]: executable file not found in \$path", "executable"
        ),
        "unable to find image '… locally",
    ),
    entry(
        DEPENDENCY,
        "deno",
        "deno 2, a module, a package or an export that is not there",
        form(
            r"\brelative import path ['\"`][^'\"`\n]{1,160}['\"`] not prefixed with\b", "prefixed"
        ),
        "could not find a matching package for 'npm:",
        form(r"\bnpm package ['\"`][^'\"`\n]{1,120}['\"`] does not exist\b", "npm"),
        form(r"\bcould not find npm package ['\"`]", "npm"),
        "jsr package not found: ",
        form(r"\bcould not find version of ['\"`][^\n]{1,120} that matches\b", "version"),
        form(r"\bunknown export ['\"`][^'\"`\n]{1,120}['\"`] for ['\"`]", "export"),
        form(r"\bimport ['\"`]https?://[^\n]{1,200}['\"`] failed(?:, not found|: )", "import"),
        form(r"\bmodule not found ['\"`](?:file|https?):", "module"),
        "lockfile had changes, but lockfile is frozen",
        "the lockfile is out of date. run 'deno",
    ),
    entry(
        DEPENDENCY,
        "cargo",
        "cargo and rustc, a crate, a linker or a library that is not there",
        form(r"\berror: linker [`'\"]\w[\w.+-]{0,40}[`'\"] not found", "linker"),
        form(r"\berror: no such command: [`'\"]", "command"),
        "failed to run custom build command for",
        form(r"\bcould not find [`'\"]?[\w.+-]{1,60}[`'\"]? in registry [`'\"]", "registry"),
        form(r"\bsystem library [`'\"][\w.+-]{1,60}[`'\"] required by crate", "library"),
        form(r"\bfeature [`'\"]edition\d{4}[`'\"] is required\b", "feature"),
        "is not supported by the following package",
        form(
            r"\bpackage [`'\"]?[\w-]{1,60}[^\n]{0,40} does not have (?:feature|these features)",
            "feature",
            "features",
        ),
    ),
    entry(
        DEPENDENCY,
        "go",
        "go build and go mod, a module that cannot be had",
        form(
            r"\bgo: (?:[\w./@-]{1,200}: )?(?:reading https?://|invalid version: |unknown revision |module [\w./@-]{1,120}: (?:get|reading))",
            "go",
        ),
        "invalid version: unknown revision",
        "go: cannot find main module",
        "go.mod file not found in current directory or any parent",
        "go: updates to go.mod needed",
        "go: inconsistent vendoring",
        form(r"\bverifying [\w./@-]{1,200}: checksum mismatch", "checksum"),
        form(r"\bambiguous import: found package \S{1,120} in multiple modules", "ambiguous"),
        form(r"\bcannot find package ['\"][\w./@-]{1,160}['\"] in any of\b", "package"),
    ),
    entry(
        DEPENDENCY,
        "jvm",
        "Maven, Gradle and javac, an artifact, a plugin or a version that is not there",
        form(r"\bcould not find artifact [\w.-]{2,80}:", "artifact"),
        form(
            r"\b(?:could not transfer|failed to read) artifact (?:descriptor for )?[\w.-]{2,80}:",
            "artifact",
        ),
        form(r"\bfailure to find [\w.-]{2,80}:[\w.-]{2,80}:", "failure"),
        "failed to collect dependencies at",
        "non-resolvable (parent pom|import pom)",
        form(r"\bno plugin found for prefix '", "plugin"),
        "or one of its dependencies could not be resolved",
        form(
            r"\berror: (?:invalid (?:source|target) release|release version \d+ not supported)",
            "release",
        ),
        "unsupported class file major version",
        "unsupportedclassversionerror",
        "has been compiled by a more recent version of the java runtime",
        form(
            r"\bjava_home (?:is not set|environment variable is not defined|is set to an invalid directory)",
            "java",
        ),
        "no compiler is provided in this environment",
        "no matching toolchains found for requested specification",
        form(r"\bminimum supported gradle version is \d", "gradle"),
        "cannot find a java installation on your machine",
    ),
    entry(
        DEPENDENCY,
        "dotnet",
        "dotnet and MSBuild, an SDK, a framework or a package that is not there",
        form(
            r"\berror (?:netsdk1(?:004|045|073|083|112|127|139|141|147)|msb(?:3202|3644|4019|4236))\b",
            "netsdk",
            "msb",
        ),
        "you must install or update .net to run this application",
        "a compatible .net sdk was not found",
    ),
    entry(
        DEPENDENCY,
        "composer_bundler",
        "Composer, PHP, Bundler and RubyGems",
        "could not be resolved to an installable set of packages",
        "your lock file does not contain a compatible set of packages",
        form(
            r"\brequires (?:php )?ext-[a-z]\w{1,30} [^\n]{1,40} it is missing from your system",
            "ext",
        ),
        form(r"\buncaught error: class ['\"][\w\\]{1,120}['\"] not found", "class"),
        "in locally installed gems",
        "in any of the sources (gem",
        "could not locate gemfile",
        form(r"\byour ruby version is \d[\w.]*, but your gemfile specified", "ruby"),
        "failed to build gem native extension",
        "is not part of the bundle. add it to your gemfile",
        "gem::missingspecerror",
    ),
    entry(
        DEPENDENCY,
        "conda_pdm",
        "conda, mamba, poetry, pdm, uv and pip",
        "unsatisfiableerror: ",
        "packages are not available from current channels",
        form(
            r"[-─] nothing provides (?:requested )?[\w.=<>~* -]{1,80}(?: needed by [\w.+]{1,60}-\d|\n|$)",
            "nothing provides",
        ),
        "environmentnamenotfound",
        "condahttperror: ",
        form(
            r"\bpython requirement \([^)\n]{1,40}\) is not compatible with some of the required packages",
            "requirement",
        ),
        "poetry could not find a pyproject.toml",
        "unable to determine package info for path",
        form(r"\bno candidate is found for [`'\"][\w.+-]{1,80}[`'\"] that matches", "candidate"),
        form(r"\bbecause there (?:is|are) no versions? of \S", "versions", "version"),
        form(r"\bno wheels with a matching (?:python|platform)", "wheels"),
        "no virtual environment found",
        "microsoft visual c++ # or greater is required",
        form(
            r"\bcannot import ['\"`](?:setuptools|poetry|hatchling|flit_core|pdm|maturin|mesonpy)[\w.]*['\"`]",
            "import",
        ),
        "backendunavailable: ",
        "could not find an activated virtualenv",
    ),
    printed(
        DEPENDENCY,
        "installer",
        "docker, pdm, poetry, uv and conda, whose words are ordinary sentences elsewhere",
        form(r"\bmanifest for \S{1,160} not found\b", "manifest"),
        form(r"\bno matching manifest for \w{3,10}/", "manifest"),
        "unable to find a resolution",
        "encountered problems while solving",
        "could not find a matching version of package",
        "distribution not found at: ",
        form(r"\bgroup\(s\) not found: ", "group"),
    ),
)
