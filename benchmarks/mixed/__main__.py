"""`python -m benchmarks.mixed TABLE GENERATOR`: fit on one half, draw, compare with the other half.

GENERATOR is a registered name, `real` (the training half itself: what real rows score), `again` (its entities drawn
again with replacement), or a file of rows that another tool made.
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.mixed import running, tables


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixed", description=__doc__)
    parser.add_argument("table", choices=list(tables.TABLES))
    parser.add_argument("generator", help="registered name, real, again, or a file of synthetic rows")
    parser.add_argument("--minutes", type=float, help="time budget of the fit")
    parser.add_argument("--steps", type=int, help="number of steps of the fit")
    parser.add_argument("--draws", type=int, default=3, help="samples of one fit; the median is told (3)")
    parser.add_argument("--quick", action="store_true", help="one draw, no model is trained on it")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=JSON", help="parameter of the generator"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the halves (0)")
    parser.add_argument("--json", help="write all numbers to this file too")
    options = parser.parse_args()
    parameters = {}
    for text in options.set:
        name, _, value = text.partition("=")
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    result = running.run(
        options.table, options.generator, minutes=options.minutes, steps=options.steps,
        draws=1 if options.quick else options.draws, quick=options.quick, parameters=parameters, seed=options.seed,
    )  # fmt: skip
    print("\n".join(running.told(result)))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
