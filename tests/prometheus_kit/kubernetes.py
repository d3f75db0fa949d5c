"""The Kubernetes resources of ``deploy/kubernetes``: as files, and as ``kubectl kustomize`` builds them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
OVERLAY = ROOT / "deploy" / "kubernetes" / "overlays" / "example"
#: The page and its worker, for overlays that want them.
PAGE = ROOT / "deploy" / "kubernetes" / "components" / "page"


class _Loader(yaml.SafeLoader):
    """Read a lone ``=``, which kustomize writes without quotes, as text."""


_Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


def resources(folder: Path = OVERLAY) -> dict[str, dict[str, Any]]:
    """Return every resource that a kustomization names, by file name; patches are not applied.

    Generated ConfigMaps are ``configmap NAME``, with the text of their files.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = {}
    for entry in kustomization.get("resources", []):
        path = folder / entry
        if path.is_dir():
            found.update(resources(path))
        else:
            found[path.name] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for generator in kustomization.get("configMapGenerator", []):
        files = (each.partition("=") for each in generator["files"])
        data = {key: (folder / file).read_text(encoding="utf-8") for key, _, file in files}
        options = kustomization["generatorOptions"]
        metadata = {"name": generator["name"], "labels": options["labels"]}
        found[f"configmap {generator['name']}"] = {
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": data,
        }
    return found


def built(folder: Path) -> list[dict[str, Any]] | None:
    """Return what ``kubectl kustomize`` (or ``kustomize build``) makes; None: neither is there."""
    for command in (["kubectl", "kustomize"], ["kustomize", "build"]):
        if shutil.which(command[0]):
            done = subprocess.run(
                [*command, folder], capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == 0, done.stderr
            return list(yaml.load_all(done.stdout, Loader=_Loader))
    return None
