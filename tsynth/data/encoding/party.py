"""Parties (merchant, payee, terminal, article): how a row's party relates to those before it, never its name."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.compiled import markov
from tsynth.data.arrow_types import plain
from tsynth.data.encoding.dtypes import nothing
from tsynth.data.encoding.rows import Field, Rows
from tsynth.data.encoding.surrogates import Surrogates
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["EARLIER", "FEW", "NEW", "SAME", "Party"]

SAME, EARLIER, NEW = 1, 2, 3
"""Choices: the party of the entity's row before, an earlier one of its own, one that is new to it."""
FEW = 64
"""A party with at most this many levels is a category."""
KEPT = 65_536
BINS = 64


class Party:
    """A party: null, the same as last, an earlier one of the entity's own, or one new to the entity.

    How widely parties are shared is a law: the share of (entity, party) pairs that falls on the parties of each
    range of ranks, and the share that falls on parties of one entity only. On the way back a new party is drawn by that
    law under a surrogate name; an earlier one in proportion to its earlier rows.

    Parameters
    ----------
    column : Column
    schema : Schema

    Notes
    -----
    Names are hashed as they are learned and at most 65,536 hashes are carried, those with the smallest values,
    which is a uniform sample of the names (Bar-Yossef and others, 2002, Counting distinct elements in a data
    stream); nothing of a name is kept in the end.
    """

    def __init__(self, column: Column, schema: Schema) -> None:
        self.column, self.schema = column, schema
        self.surrogates = Surrogates(column)
        self.edges_: NDArray[np.int64] = np.array([0, 1], np.int64)
        self.share_: NDArray[np.float64] = np.ones(1)
        self.private_ = 0.0
        self.any_ = False

    def learn(self, part: Sequences) -> dict[str, Any]:
        values = plain(part.column(self.column.name))
        codes, names = _factor(values)
        held = codes >= 0
        size = max(len(names), 1)
        pairs = np.unique(part.entity_of_row[held] * size + codes[held])
        entities = np.bincount(pairs % size, minlength=len(names))[: len(names)]
        hashes = _hashes(names)
        order = np.argsort(hashes, kind="stable")[:KEPT]
        return {"hash": hashes[order], "entities": entities[order], "names": self.surrogates.learn(values)}

    def merge(self, states: list[dict[str, Any]], entities: int) -> None:
        self.surrogates.merge([s["names"] for s in states])
        hashes, pairs = np.empty(0, np.uint64), np.empty(0, np.int64)
        cut = np.uint64(2**64 - 1)
        for state in states:
            if len(state["hash"]) == KEPT:
                cut = min(cut, state["hash"][-1])
            hashes, group = np.unique(np.concatenate([hashes, state["hash"]]), return_inverse=True)
            pairs = np.bincount(group, weights=np.concatenate([pairs, state["entities"]])).astype(np.int64)
            if len(hashes) > KEPT:
                cut = min(cut, hashes[KEPT])
            hashes, pairs = hashes[hashes <= cut][:KEPT], pairs[hashes <= cut][:KEPT]
        self.any_ = len(hashes) > 0
        if not self.any_:
            return
        thinned = 1.0 if cut == np.uint64(2**64 - 1) else float(cut) / 2.0**64
        shared = np.sort(pairs[pairs > 1])[::-1]
        self.private_ = float(np.sum(pairs == 1) / pairs.sum())
        if len(shared) == 0:
            return
        size = len(shared)
        ranks = np.unique(
            np.concatenate([[0], np.round(np.geomspace(1, size, min(BINS, size))).astype(np.int64)])
        )
        self.share_ = np.add.reduceat(shared, ranks[:-1]) / shared.sum()
        self.edges_ = np.unique(np.round(ranks / thinned)).astype(np.int64)

    @property
    def choices(self) -> int:
        """Null and the three relations; null alone where the column is all null."""
        return 4 if self.any_ else 1

    def encode(self, data: Sequences) -> Field:
        codes, _ = _factor(plain(data.column(self.column.name)))
        return Field(self.column.name, relations(codes, data.entity_of_row), None, self.choices)

    def decode(self, field: Field, rows: Rows, streams: Streams) -> pa.Array:
        if not self.any_:
            return nothing(len(field.choice), self.column.dtype)
        own = streams.purpose(self.column.name)
        numbers = markov.parties(
            own.key,
            own.entities,
            rows.offsets,
            field.choice,
            np.cumsum(self.share_),
            self.edges_,
            self.private_,
        )
        return self.surrogates.names(numbers, numbers < 0)

    def to_state(self) -> dict[str, Any]:
        return {
            "edges": self.edges_, "share": self.share_, "private": self.private_, "any": self.any_,
            "names": self.surrogates.to_state(),
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        self.edges_, self.share_ = (
            np.asarray(state["edges"], np.int64),
            np.asarray(state["share"], np.float64),
        )
        self.private_, self.any_ = float(state["private"]), bool(state["any"])
        self.surrogates.restore(state["names"])


def relations(codes: NDArray[np.int64], entity: NDArray[np.int64]) -> NDArray[np.int32]:
    """The relation of each row's party to those of the entity's rows before; `codes` are -1 where null."""
    choice = np.zeros(len(codes), np.int32)
    at = np.flatnonzero(codes >= 0)
    if len(at) == 0:
        return choice
    code, owner = codes[at], entity[at]
    order = np.lexsort((at, code, owner))
    first = np.ones(len(at), np.bool_)
    first[1:] = (code[order][1:] != code[order][:-1]) | (owner[order][1:] != owner[order][:-1])
    new = np.empty(len(at), np.bool_)
    new[order] = first
    same = np.zeros(len(at), np.bool_)
    same[1:] = (code[1:] == code[:-1]) & (owner[1:] == owner[:-1])
    choice[at] = np.where(new, NEW, np.where(same, SAME, EARLIER))
    return choice


def _factor(values: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Codes (-1 where null) and the distinct values they stand for."""
    whole = values.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    encoded = whole.dictionary_encode()
    return np.asarray(encoded.indices.fill_null(-1), dtype=np.int64), encoded.dictionary


def _hashes(names: pa.Array) -> NDArray[np.uint64]:
    words = [
        hashlib.blake2b(str(v).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for v in names.to_pylist()
    ]
    return np.frombuffer(b"".join(words), np.dtype("<u8")).astype(np.uint64)
