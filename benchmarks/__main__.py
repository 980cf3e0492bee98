"""`python -m benchmarks [CASE...]`: run the named cases (or all), keep the results, write the page."""

from __future__ import annotations

import argparse
import sys

from benchmarks import machine, page, runner


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("case", nargs="*", help="names of cases; all without one")
    parser.add_argument("--list", action="store_true", help="name the cases and what they ask")
    parser.add_argument(
        "--page", action="store_true", help="only write docs/benchmarks.md from the kept results"
    )
    options = parser.parse_args()
    known = runner.cases()
    if options.list:
        for name, module in known.items():
            print(f"{name:24s} {runner.question(module)}")
        return 0
    if unknown := [name for name in options.case if name not in known]:
        parser.error(f"no case is called {', '.join(unknown)}; the cases are {', '.join(known)}")
    if not options.page:
        where = machine.describe()
        for name in options.case or known:
            print(f"{name}: {runner.question(known[name])}", flush=True)
            for line in runner.run(name, known[name], where):
                print("  " + line, flush=True)
    print(f"written: {page.write(known)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
