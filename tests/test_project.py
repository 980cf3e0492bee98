"""The project as a whole: its public face, its imports, its version, its contracts, its files."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tsynth

HEAVY = ("matplotlib", "numba", "pandas", "polars", "pyarrow", "scipy", "sklearn", "torch")


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    ).stdout


def test_public_names_are_sorted_and_unique():
    assert list(tsynth.__all__) == sorted(set(tsynth.__all__))


@pytest.mark.parametrize("name", tsynth.__all__)
def test_public_name_exists_and_is_documented(name):
    thing = getattr(tsynth, name)
    if callable(thing):
        assert thing.__doc__, f"tsynth.{name} has no docstring"


def test_public_names_are_listed_by_dir():
    assert set(tsynth.__all__) <= set(dir(tsynth))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tsynth.no_such_name


def test_import_is_lazy():
    loaded = json.loads(python("import json, sys, tsynth; print(json.dumps(sorted(sys.modules)))"))
    assert [name for name in HEAVY if name in loaded] == []


def test_version_is_that_of_the_distribution():
    assert tsynth.__version__ == importlib.metadata.version("tsynth")


@pytest.mark.source
def test_version_is_that_of_pyproject(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == tsynth.__version__


def test_package_is_typed():
    assert (Path(tsynth.__file__).parent / "py.typed").is_file()


@pytest.mark.source
def test_stub_is_what_the_script_writes(repository):
    command = [sys.executable, "tools/write_stub.py", "--check"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "run tools/write_stub.py"


# --- import contracts ------------------------------------------------------------------------------------


def contracts(repository: Path) -> dict[str, dict]:
    table = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return {contract["id"]: contract for contract in table["contracts"]}


def modules(folder: Path) -> set[str]:
    """The importable names directly in a folder."""
    packages = {entry.name for entry in folder.iterdir() if entry.is_dir() and any(entry.glob("*.py"))}
    return packages | {entry.stem for entry in folder.glob("*.py") if entry.stem != "__init__"}


@pytest.mark.source
def test_every_room_has_a_layer(repository):
    layers = contracts(repository)["layers"]
    assert layers["exhaustive"] is True
    named = set(re.findall(r"\w+", " ".join(layers["layers"])))
    assert modules(repository / "tsynth") - named == set()


@pytest.mark.source
def test_every_family_of_generators_is_held_apart(repository):
    generators = repository / "tsynth" / "generators"
    families = {
        f"tsynth.generators.{entry.name}" for entry in generators.iterdir() if any(entry.glob("*.py"))
    }
    assert families == set(contracts(repository)["families"]["modules"])


@pytest.mark.source
def test_frame_libraries_are_not_required(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    assert required & {"pandas", "polars", "torch", "statsmodels"} == set()


@pytest.mark.source
def test_constraints_pin_every_dependency(repository):
    table = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    groups = table["dependency-groups"].values()
    lines = table["project"]["dependencies"] + [line for group in groups for line in group]
    lines += [line for extra in table["project"]["optional-dependencies"].values() for line in extra]
    wanted = {re.match(r"[\w-]+", line)[0] for line in lines if isinstance(line, str) and "win32" not in line}
    text = (repository / "constraints.txt").read_text(encoding="utf-8")
    pinned = {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    assert wanted - pinned == set()


# --- files -----------------------------------------------------------------------------------------------


def tracked(repository: Path) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=False
    )  # no git, or a source archive: nothing to look at
    return [repository / name for name in listing.stdout.decode().split("\0") if name]


@pytest.mark.source
def test_files_speak_of_the_project_only(repository):
    files = [path for path in tracked(repository) if path.is_file()]
    if not files:
        pytest.skip("not a git checkout")
    # Paths and tools of one workplace have no place in a project; in two pieces, so that this file passes.
    unwanted = re.compile("|".join(["/wo" + "rk/", r"\.lib" + "rary", r"\bfa" + "rm-", "issues" + " show"]))
    found = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.name}: {match[0]}" for match in unwanted.finditer(text)]
    assert found == []


@pytest.mark.source
def test_change_notes_are_named_by_issue_and_kind(repository):
    names = {path.name for path in (repository / "changelog.d").iterdir()} - {"README.md"}
    pattern = re.compile(r"\d+\.(feature|change|fix|removal)(\.\d+)?\.md")
    assert [name for name in sorted(names) if not pattern.fullmatch(name)] == []
