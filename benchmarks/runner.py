"""Find the cases, run them, keep each result as JSON under benchmarks/results/.

A case is a file in benchmarks/cases/. The first line of its docstring is the question; `run()` answers with

    {"rows": [{"by": "tsynth", "what": "read 1,000,000 rows", "seconds": .4, "runs": [...], ...}, ...],
     "limit": {"what": "copy as many bytes", "seconds": .02}}

`rows` holds tsynth and its peers on the same task; `limit` the bare task on the same machine (the raw limit),
or None where there is none. Further numbers of a row (`peak_mib`, `rate`, ...) become columns of the page. What is no
list of tasks goes into `tables`, each {"title", "note", "heads": [k texts], "rows": [[k texts]]}.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import time
from collections.abc import Iterator
from types import ModuleType

from benchmarks import cases as _cases
from benchmarks.measure import HERE

RESULTS = HERE / "results"


def cases() -> dict[str, ModuleType]:
    names = sorted(module.name for module in pkgutil.iter_modules(_cases.__path__))
    return {name: importlib.import_module(f"benchmarks.cases.{name}") for name in names}


def question(module: ModuleType) -> str:
    return (inspect.getdoc(module) or module.__name__).splitlines()[0]


def run(name: str, module: ModuleType, where: dict) -> Iterator[str]:
    """Run one case, keep its result, and say it in lines."""
    answer = module.run()
    result = {
        "case": name,
        "question": question(module),
        "note": "\n".join((inspect.getdoc(module) or "").splitlines()[1:]).strip(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": where,
        "rows": answer["rows"],
        "limit": answer.get("limit"),
        "tables": answer.get("tables", []),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for row in result["rows"]:
        yield f"{row['by']}, {row['what']}: {row['seconds']:.4g} s"
    if limit := result["limit"]:
        yield f"raw limit, {limit['what']}: {limit['seconds']:.4g} s"
