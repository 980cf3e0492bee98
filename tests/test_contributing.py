"""CONTRIBUTING.md as a stranger follows it: its package, put together from the page, passes the suite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = [pytest.mark.source, pytest.mark.slow]

BLOCK = re.compile(r"^`(tsynth-normal/[\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def package(repository, tmp_path_factory) -> Path:
    """The package of the page, with the metadata that installing it would write."""
    folder = tmp_path_factory.mktemp("stranger")
    page = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name, text in BLOCK.findall(page):
        path = folder / Path(name).name
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n', encoding="utf-8"
    )
    return folder


def python(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=package,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_package_passes_the_public_suite(package):
    done = python(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_normal.py")
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"\b[1-9]\d* passed", done.stdout)


def test_plug_ins_are_listed_and_made(package):
    done = python(
        package,
        "-c",
        "import tsynth, tsynth.registry as r\n"
        "assert 'normal' in r.names('generators') and 'mean_length' in r.names('scores')\n"
        "print(tsynth.create('normal', spread=2))",
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip() == "Normal(spread=2)"
