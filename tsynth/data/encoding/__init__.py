"""Columns as choices and values, and back: what a generator of mixed rows sees."""

from tsynth.data.encoding.encoder import Encoder
from tsynth.data.encoding.rows import Field, Rows

__all__ = ["Encoder", "Field", "Rows"]
