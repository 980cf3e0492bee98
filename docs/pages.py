"""Write the pages that follow from the tree: one a generator, one a score, the public interface, the changes.

Sphinx calls `write` before it reads its sources. What the registry names and cannot be imported is a warning,
which `make docs` turns into an error.
"""

from __future__ import annotations

import importlib
import inspect
import shutil
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import ModuleType

from sphinx.util import logging

logger = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference" / "generated"

KINDS = {
    "generators": (
        "Generators",
        "A generator learns from sequences and makes sequences of the same schema. "
        "``tsynth.create(NAME)`` makes one by its name; ``tsynth.recommend(data)`` says which fit.",
    ),
    "scores": (
        "Scores",
        "A score asks one question and answers with a gap: 0 is perfect, lower is better. "
        "Each is read beside its floor, what held-out real data score.",
    ),
    "scenarios": (
        "Scenarios",
        "A scenario overlays labelled episodes on a stream and keeps the clean twin.",
    ),
}

LIMITS = {"cannot_keep": "What it cannot keep", "cannot_see": "What it cannot see"}
VALUED = (property, cached_property)

# Modules and the names in them; all that is public where no name is given.
AUTHORS = {
    "tsynth.generators.base": ["Generator"],
    "tsynth.generators.views": ["Series"],
    "tsynth.data.encoding": ["Rows", "Field"],
    "tsynth.data.streams": ["Streams"],
    "tsynth.scores.base": ["Score", "Detail", "Result"],
    "tsynth.testing": [],
}


def write(app: object = None) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    found = [kind for kind in KINDS if _kind(kind)]
    _interface()
    _authors()
    _changes()
    pages = ["interface", *(f"{kind}/index" for kind in found), "authors"]
    _save("index.rst", _heading("Reference") + _tree(pages))


def _kind(kind: str) -> bool:
    """The pages of one registry; False where this version has none of the kind."""
    from tsynth import registry

    try:
        names = registry.names(kind)
    except (KeyError, ValueError):
        return False
    things = {}
    for name in names:
        try:
            things[name] = registry.find(kind, name)
        except (ImportError, AttributeError) as problem:
            logger.warning("%s: %s is registered, but %s", kind, name, problem)
    title, opening = KINDS[kind]
    rows = [f"   * - :doc:`{name}`\n     - {_first_line(thing)}" for name, thing in things.items()]
    table = "\n".join([".. list-table::", "   :widths: 25 75", "", *rows, ""])
    for name, thing in things.items():
        _save(f"{kind}/{name}.rst", _page(name, thing))
    _save(
        f"{kind}/index.rst",
        _heading(title) + opening + "\n\n" + (table if rows else "") + _tree(things, hidden=True),
    )
    return True


def _page(name: str, thing: type) -> str:
    text = [_heading(name)]
    if question := getattr(thing, "question", ""):
        text += [f"**{question}** ({thing.group})\n"]
    text += [f".. currentmodule:: {thing.__module__}\n", f".. autoclass:: {thing.__name__}\n"]
    text += [f"   .. automethod:: {member}\n" for member in _members(thing, [thing])]
    for attribute, title in LIMITS.items():
        if limits := getattr(thing, attribute, ()):
            text += [_heading(title, "-"), *(f"- {limit}" for limit in limits), ""]
    return "\n".join(text)


def _members(thing: type, bases: Iterable[type]) -> list[str]:
    """Public, documented methods and properties that these bases of a class define, in their order."""
    found = [
        name
        for base in bases
        for name, value in vars(base).items()
        if not name.startswith("_")
        and (inspect.isroutine(value) or isinstance(value, VALUED))
        and inspect.getdoc(getattr(thing, name))
    ]
    return list(dict.fromkeys(found))


def _interface() -> None:
    """Everything in `tsynth.__all__`: functions first, then classes, then errors and warnings."""
    import tsynth

    groups: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors and warnings": []}
    for name in tsynth.__all__:
        try:
            thing = getattr(tsynth, name)
        except (ImportError, AttributeError) as problem:
            logger.warning("tsynth.%s is public, but %s", name, problem)
            continue
        if isinstance(thing, ModuleType):
            continue
        if isinstance(thing, type):
            faulty = issubclass(thing, BaseException)
            groups["Errors and warnings" if faulty else "Classes"].append(_directive(name, thing))
        elif callable(thing):
            groups["Functions"].append(f".. autofunction:: {name}\n")
    text = [_heading("Public interface"), ".. currentmodule:: tsynth\n"]
    for title, directives in groups.items():
        if directives:
            text += [_heading(title, "-"), *directives]
    _save("interface.rst", "\n".join(text))


def _changes() -> None:
    """The change log, with the notes that no release has gathered yet on top."""
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    opening, _, released = log.partition("\n## ")
    notes = sorted(path for path in (ROOT / "changelog.d").glob("*.md") if path.name != "README.md")
    text = opening.rstrip() + "\n"
    if notes:
        text += "\n## Not yet released\n\n" + "\n".join(path.read_text(encoding="utf-8") for path in notes)
    _save("changes.md", text + (f"\n## {released}" if released else ""))


def _authors() -> None:
    """What the author of a generator or a score meets: bases, views, streams, the public checks."""
    text = [_heading("For authors of generators and scores")]
    text.append("CONTRIBUTING shows the way; these are the parts.\n")
    for module, names in AUTHORS.items():
        try:
            room = importlib.import_module(module)
            things = {name: getattr(room, name) for name in names or getattr(room, "__all__", ())}
        except (ImportError, AttributeError) as problem:
            logger.warning("%s has no page: %s", module, problem)
            continue
        text.append(f".. currentmodule:: {module}\n")
        for name, thing in things.items():
            kind = "autofunction" if callable(thing) else "autodata"
            text.append(
                _class(name, thing)
                if isinstance(thing, type)
                else f".. {kind}:: {name}\n" + ("" if callable(thing) else "   :no-value:\n")
            )
    _save("authors.rst", "\n".join(text))


def _directive(name: str, thing: type) -> str:
    """A class of the public interface; what has a page of its own is only named."""
    if entry := _registered(thing):
        return f"``{name}``\n   {_first_line(thing)} See :doc:`{entry}`.\n"
    return f".. autoclass:: {name}\n" if issubclass(thing, BaseException) else _class(name, thing)


def _class(name: str, thing: type) -> str:
    """A class with its public members, those of its bases in this package among them."""
    lines = [f".. autoclass:: {name}", ""]
    bases = [base for base in thing.__mro__ if base.__module__.startswith("tsynth")]
    for member in _members(thing, reversed(bases)):
        valued = isinstance(inspect.getattr_static(thing, member), VALUED)
        lines += [f"   .. {'autoattribute' if valued else 'automethod'}:: {member}", ""]
    return "\n".join(lines)


def _registered(thing: type) -> str | None:
    """The page of a class that stands in a registry, from the interface page's point of view."""
    from tsynth import registry

    for kind in KINDS:
        try:
            names = registry.names(kind)
        except (KeyError, ValueError):
            continue
        for name in names:
            try:
                if registry.find(kind, name) is thing:
                    return f"{kind}/{name}"
            except (ImportError, AttributeError):
                continue
    return None


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").strip().partition("\n")[0]


def _heading(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _tree(entries: object, hidden: bool = False) -> str:
    lines = [".. toctree::", *(["   :hidden:"] if hidden else []), ""]
    return "\n".join([*lines, *(f"   {entry}" for entry in entries), ""])


def _save(name: str, text: str) -> None:
    path = FOLDER / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
