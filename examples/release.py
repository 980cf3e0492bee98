"""From a table to a documented release in one call, and what comes back."""

from pathlib import Path

import tsynth
from tsynth.data.datasets import demand
from tsynth.data.files import write_parquet


def main() -> None:
    sales = demand(products=60, days=56)
    write_parquet(sales.rows, Path("sales.parquet"))

    release = tsynth.run(
        {
            "seed": 7,
            "source": {"path": "sales.parquet", "entity": "product", "time": "day"},
            "sample": {"n": 100},
            "score": {"scores": ["marginals", "lengths", "calendar"]},  # leave it out to ask all
            "release": {"out": "release"},
        }
    )

    print(release)
    for finding in release.findings():
        print("-", finding)
    print("read", release.page)


if __name__ == "__main__":
    main()
