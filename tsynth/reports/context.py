"""What a page needs beside the `Report`: where the rows come from, what made the synthetic ones, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tsynth.data.schema import Schema

if TYPE_CHECKING:
    from tsynth.data.sequences import Note, Sequences

__all__ = ["Context"]


@dataclass(frozen=True)
class Context:
    """What page and card say that is not a score. Every key is optional; what is missing is left out.

    Parameters
    ----------
    title : str
        The source's name; never the private parts of its path.
    source : mapping
        ``name`` (text), ``rows``, ``entities`` (int), ``start``, ``end`` (text, as the reader sees a date or
        a time), ``files`` (list of file names without folders).
    generator : mapping
        ``name`` (registry name), ``parameters`` (mapping), ``cannot_keep`` (list of clauses: "recurring payments"),
        ``summary`` (a sentence), ``fit_seconds`` (float), ``reason`` (why this generator, a sentence),
        ``curve`` (training curve: {"x": list, "y": list, "x_label": text, "y_label": text}).
    run : mapping
        ``date`` (text), ``machine`` (text), ``duration_s`` (float), ``seed`` (int), ``versions`` (mapping of
        package to version), ``command`` (how to make it again).
    schema : Schema
        What each column means.
    constraints : sequence of mapping
        ``sentence``, ``name`` (registry name), ``columns`` (list), ``real``, ``synthetic`` (shares of rows from
        0 to 1 or None), ``interval`` (two shares, of the real one, or None).
    notes : sequence of Note
        What was normalised or left out.
    splits : mapping
        ``train_entities``, ``holdout_entities`` (int), ``by`` ("entity" or "time"); also read where given:
        ``train_rows``, ``holdout_rows``.
    synthetic : Sequences, optional
        The example sequences, only ever synthetic ones, are drawn from it; its size is told in the head.
    made : (int, int), optional
        Rows and entities of the whole release, where `synthetic` is the part of it that was scored.
    unsuitable : sequence of str
        Uses that the release is not fit for, a sentence each.
    privacy : mapping
        The account of a `tsynth.data.privacy.Ledger`; empty where nothing was learned with differential privacy.
    job : mapping
        The job as run; shown as it is, so paths in it must be free of private parts.
    """

    title: str
    source: Mapping[str, Any]
    generator: Mapping[str, Any]
    run: Mapping[str, Any]
    schema: Schema
    constraints: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[Note] = ()
    splits: Mapping[str, Any] = field(default_factory=dict)
    synthetic: Sequences | None = None
    made: tuple[int, int] | None = None
    unsuitable: Sequence[str] = ()
    privacy: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)
