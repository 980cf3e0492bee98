"""TabularARGN on rows of entities: TRAIN.parquet MADE.parquet KEY TIME STATICS(,) SECONDS ENTITIES.

Statics go into the context table, as its documentation does; the time stays among the columns, absolute.
"""

import json
import sys
import time
import warnings

import pandas as pd

sys.modules["torchvision"] = (
    None  # its wheel is built for a GPU and does not load beside a torch for CPUs; not used
)
from mostlyai.engine import TabularARGN  # noqa: E402

warnings.simplefilter("ignore")
source, made, key, _, statics, limit, entities = sys.argv[1:8]
statics = [name for name in statics.split(",") if name]
rows = pd.read_parquet(source)
context = rows[[key, *statics]].drop_duplicates(key).reset_index(drop=True)
rows = rows.drop(columns=statics)

if __name__ == "__main__":
    model = TabularARGN(
        tgt_context_key=key, ctx_primary_key=key, ctx_data=context, max_training_time=float(limit) / 60,
        device="cpu", random_state=1,
    )  # fmt: skip
    begun = time.perf_counter()
    model.fit(rows)
    fit = time.perf_counter() - begun
    asked = context.sample(int(entities), replace=int(entities) > len(context), random_state=2)
    asked = asked.assign(**{key: range(len(asked))}).reset_index(drop=True)
    begun = time.perf_counter()
    found = model.sample(ctx_data=asked)
    sample = time.perf_counter() - begun
    found = found.merge(asked, on=key) if statics else found
    found.to_parquet(made)
    print(json.dumps({"seconds": fit, "runs": [fit], "sample": sample, "rows": len(found)}))
