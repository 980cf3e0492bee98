"""SDV's PAR on rows of entities: TRAIN.parquet MADE.parquet KEY TIME STATICS(,) SECONDS ENTITIES.

PAR has no limit of time: one epoch is timed, and as many are trained as the limit allows, at most its default of 128.
"""

import json
import sys
import time
import warnings

import pandas as pd
from sdv.metadata import Metadata
from sdv.sequential import PARSynthesizer

warnings.simplefilter("ignore")
source, made, key, when, statics, limit, entities = sys.argv[1:8]
statics = [name for name in statics.split(",") if name]
rows = pd.read_parquet(source)
for name in rows.columns:
    if pd.api.types.is_bool_dtype(rows[name]):
        rows[name] = rows[name].astype("Int64")
metadata = Metadata.detect_from_dataframes(data={"rows": rows})
metadata.update_column(column_name=key, sdtype="id")
metadata.set_sequence_key(column_name=key)
if metadata.tables["rows"].columns[when]["sdtype"] not in ("datetime", "numerical"):
    metadata.update_column(column_name=when, sdtype="numerical")
metadata.set_sequence_index(column_name=when)


def fitted(epochs: int) -> tuple[PARSynthesizer, float]:
    begun = time.perf_counter()
    model = PARSynthesizer(metadata, context_columns=statics or None, epochs=epochs, cuda=False)
    model.fit({"rows": rows})
    return model, time.perf_counter() - begun


_, one = fitted(1)
epochs = int(min(128, max(1, (float(limit) - one) // one)))
model, fit = fitted(epochs)
begun = time.perf_counter()
found = model.sample_sequences(int(entities))
sample = time.perf_counter() - begun
found = found["rows"] if isinstance(found, dict) else found
found.to_parquet(made)
told = {"seconds": fit, "runs": [fit], "sample": sample, "rows": len(found), "epochs": epochs}
print(json.dumps(told))
