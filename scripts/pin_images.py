"""Pin the images of deploy/ to the digests that their registry names today.

Usage: python -m scripts.pin_images [FILE ...]   (make pin-images)

Asks ``docker buildx imagetools`` or, where there is no docker, ``skopeo`` for the digest of
each ``name:tag``, and writes ``name:tag@sha256:…`` into the compose file, the Dockerfile and GitLab's job.
To change a version, edit the tag and run it again. Where an answer is missing no file changes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = (DEPLOY / "compose.yml", DEPLOY / "app" / "Dockerfile", DEPLOY / "ci" / "gitlab-genmon.yml")
#: An image with a tag, pinned or not. What is built here has no tag.
IMAGE = re.compile(
    r"(?P<before>^(?:\s*image:|FROM)\s+)(?P<tagged>[\w./-]+(?::\d+/[\w./-]+)?:[\w.-]+)"
    r"(?:@sha256:\w*)?(?=\s|$)",
    re.M,
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def ask(tagged: str) -> str:
    """The digest of an image's index, which serves every processor architecture.

    Raises:
        SystemExit: no program to ask with, or no answer; with the reason.
    """
    if shutil.which("docker"):
        command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", tagged]  # fmt: skip
    elif shutil.which("skopeo"):
        command = ["skopeo", "inspect", "--no-tags", "--format", "{{.Digest}}", f"docker://{tagged}"]  # fmt: skip
    else:
        raise SystemExit("Neither docker nor skopeo is here to ask the registry. Install one.")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    digest = done.stdout.strip()
    if done.returncode or not DIGEST.fullmatch(digest):
        raise SystemExit(
            f"No digest of {tagged}: {done.stderr.strip() or digest or 'an empty answer'}. "
            "Nothing was changed; see whether the tag exists and the registry can be reached."
        )
    return digest


def pinned(text: str) -> str:
    """The text with each image's digest put in, or renewed."""
    return IMAGE.sub(lambda m: f"{m['before']}{m['tagged']}@{ask(m['tagged'])}", text)


def main(files: list[Path]) -> None:
    """Ask for all digests first, then write the files that differ."""
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    renewed = {path: pinned(text) for path, text in texts.items()}
    for path, text in renewed.items():
        if text != texts[path]:
            path.write_text(text, encoding="utf-8")
            print(f"{path} changed")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or list(FILES))
