"""Which rules of real bank accounts do the synthetic ones keep that peers have published?

Rows of Czech accounts (Berka) as their makers published them: SDV's PAR, two runs, fitted without a sequence index;
REaLTabFormer, two runs; the second half of TabularARGN's, plain and with differential privacy. Train is the real slice
1993-01-01 to 1994-03-31; the peers learned from 2,250 accounts that nobody has named, over 1993 to 1998, so only what
needs no reference can be compared. *time goes back* is the share of rows, in the order of the file, that lie before the
row of their account before them; *balance adds up* and *combinations valid* are shares of rows that keep the rule as it
was found on the slice (balance = balance before + signed amount; type, operation and k_symbol together), rows in the
order of time, over as many accounts as the slice has; what came up after March 1994 counts as not valid;
*unreadable cells* the share in columns that had to be cast (dates and ids as text, account numbers as
numbers). The entity tables of PAR are read beside their rows. There is no holdout: *cannot say* counts the scores of
privacy, and the three answers, that refuse to judge; the case fails where one of them, or a copied reference, does not.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from tsynth import registry
from tsynth.jobs.evaluating import Side, Wanted, evaluate
from tsynth.jobs.job import SchemaPart, SourcePart

FOLDER = Path(os.environ.get("TSYNTH_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
BERKA, PEERS = FOLDER / "transactions" / "berka", FOLDER / "transactions" / "berka_peer_outputs"
SLICE = BERKA / "trans_1993-01_1994-03.parquet"
FILES = {
    "SDV PAR": ("SDV_berka_transaction_run_1", "SDV_berka_transaction_run_2"),
    "REaLTabFormer": ("RTF_berka_transaction_run_1", "RTF_berka_transaction_run_2"),
    "TabularARGN": ("TabARGN_berka_transaction_run_1_part2of2_only",),
    "TabularARGN, private": ("TabARGN_berka_transaction_dp_run_1_part2of2_only",),
}
NO_REFERENCE = ("time_goes_back", "constraints", "unreadable")
RULES = {"totals": "balance adds up", "combination": "combinations valid"}


def run() -> dict:
    privacy = [name for name in registry.names("scores") if registry.find("scores", name).group == "privacy"]
    rows = []
    for by, names in FILES.items():
        for name in names:
            start = time.perf_counter()
            report = scored(name, privacy)
            seconds = time.perf_counter() - start
            if not rows:
                shares = kept(report, "real")
                rows.append({"by": "real accounts", "what": "the slice itself", "seconds": seconds, **shares})
                rows[0]["time goes back"] = report["time_goes_back"].curve["share"]["real"]
            silent = [n for n in privacy if report[n].status != "ok"]
            silent += [a.question for a in report.answers if a.level == "cannot say"]
            assert len(silent) == len(privacy) + len(report.answers), "there is no holdout to judge by"
            assert all(r.copied is None and r.floor is None for r in report.values())
            size = report.meta["sizes"]["synthetic"]
            what = f"{name}, {size['rows']:,} rows of {size['entities']:,} accounts"
            found = {"time goes back": report["time_goes_back"].value, **kept(report, "synthetic")}
            found |= {"unreadable cells": report["unreadable"].value, "cannot say": len(silent)}
            rows.append({"by": by, "what": what, "seconds": seconds, **found})
    return {"rows": rows, "limit": None}


def scored(name: str, privacy: list[str]):
    """The report on a file, with the entity table where one was published."""
    table = PEERS / f"{name.replace('transaction', 'account')}.parquet"
    accounts = (BERKA / "account.csv.gz", table) if table.is_file() else (None, None)
    source = SourcePart.model_validate({"path": SLICE, "entity": "account_id", "time": "date"})
    made = Side(PEERS / f"{name}.parquet", accounts[1])
    wanted = Wanted([*NO_REFERENCE, *privacy])
    (report,) = evaluate(Side(SLICE, accounts[0]), [made], None, source, SchemaPart(), wanted).values()
    return report


def kept(report, side: str) -> dict[str, float]:
    """Shares of rows that keep the two rules."""
    rules = {rule["name"]: rule[side] for rule in report["constraints"].curve["rules"]}
    return {title: rules[name] for name, title in RULES.items()}
