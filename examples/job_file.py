"""A job as a file: edit what inference got wrong, let a rule go, choose the generator, and resume when interrupted."""

from pathlib import Path

import tsynth
from tsynth.data.datasets import cohort
from tsynth.data.files import write_parquet
from tsynth.jobs.verify import verify

JOB = """
seed = 1

[source]
path = "visits.parquet"
entity = "patient"
time = "day"
entities = "patients.parquet"
roles = {arm = "arm", followup = "followup", died = "event"}

[schema.columns.platelets]
kind = "continuous"
decimals = 0
unit = "1000 / ml"

[generator]
name = "markov_renewal"

[sample]
n = 40
parts = 2

[score]
scores = ["marginals", "lengths"]

[release]
out = "trial"
title = "Simulated trial"
"""


def main() -> None:
    trial = cohort(patients=120)
    assert trial.entities is not None
    write_parquet(trial.rows, Path("visits.parquet"))
    write_parquet(trial.entities, Path("patients.parquet"))
    Path("job.toml").write_text(JOB, encoding="utf-8")

    release = tsynth.run("job.toml")  # on the command line: tsynth run job.toml
    print(release.manifest["generator"]["name"], release.content_hash)
    print(verify("trial"))  # on the command line: tsynth verify trial


if __name__ == "__main__":
    main()
