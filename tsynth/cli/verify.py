"""`tsynth verify`: whether a release is as it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsynth.cli.options import Json

__all__ = ["verify"]


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")],
    json: Json = False,
) -> None:
    """Check every file of a release against its manifest, and the rows against the content hash."""
    import json as js
    import sys

    from tsynth.jobs.verify import verify as check

    found = check(folder)
    if json:
        manifest = found.release.manifest
        content = {key: manifest[key] for key in ("content_hash", "rows", "entities", "files")}
        sys.stdout.write(js.dumps({"verified": True, **content}, indent=1) + "\n")
    else:
        sys.stdout.write(f"{found}\n")
