"""A small world with a known truth: bank-like accounts, made by the same law again or with a planted fault."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences

CODES = ("salary", "cash", "rent", "fee")
STEP = np.array([[0.05, 0.6, 0.3, 0.05], [0.3, 0.4, 0.2, 0.1], [0.4, 0.4, 0.05, 0.15], [0.5, 0.3, 0.2, 0.0]])
SCHEMA = Schema(
    columns=(
        Column("account", "identifier", "entity", static=True, dtype="int64"),
        Column("when", "datetime", "time", dtype="timestamp[s]"),
        Column("code", "category", "mark", dtype="string", levels=CODES),
        Column("amount", "continuous", decimals=2),
        Column("mood", "continuous", nullable=True),
        Column("region", "category", "group", static=True, dtype="string", levels=("north", "south")),
    ),
    time_unit="d",
)


def sequences(schema, rows, lengths, entities):
    """Sequences from plain arrays."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Sequences(schema, pa.table(rows), offsets, pa.table(entities))


def make_accounts(n=300, seed=0):
    """Accounts with codes of a Markov chain, gaps by code, amounts by code with memory, and a static region."""
    rng = np.random.default_rng(seed)
    lengths = 1 + rng.poisson(12, n)
    steps, state, level = STEP.cumsum(axis=1), np.zeros(n, np.int64), rng.normal(size=n)
    codes, memories = [], []
    for _ in range(int(lengths.max())):
        state = (rng.uniform(size=(n, 1)) > steps[state]).sum(axis=1)
        level = 0.8 * level + 0.6 * rng.normal(size=n)
        codes.append(state)
        memories.append(level)
    entity = np.repeat(np.arange(n), lengths)
    total = len(entity)
    kept = np.arange(len(codes)) < lengths[:, None]
    code, memory = np.array(codes).T[kept], np.array(memories).T[kept]
    gap = rng.exponential(np.array([1.0, 5.0, 2.0, 8.0])[code])
    start = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    clock = np.cumsum(gap)
    days = clock - np.repeat(clock[start], lengths) + np.repeat(rng.uniform(0, 60, n), lengths)
    amount = np.round(np.exp(memory + np.array([3.0, 1.0, 2.0, 0.0])[code]), 2)
    mood = np.where(rng.uniform(size=total) < 0.1, np.nan, memory + rng.normal(size=total) * 0.3)
    rows = {
        "when": pa.array((days * 86400).astype(np.int64) + 1_600_000_000).cast(pa.timestamp("s")),
        "code": pa.array(np.array(CODES)[code]),
        "amount": pa.array(amount),
        "mood": pa.array(mood, mask=np.isnan(mood)),
    }
    region = np.where(rng.uniform(size=n) < 0.6, "north", "south")
    return sequences(
        SCHEMA, rows, np.bincount(entity, minlength=n), {"account": np.arange(n), "region": region}
    )


@pytest.fixture(scope="session")
def accounts():
    """The maker of worlds: ``accounts(entities, seed)``."""
    return make_accounts
