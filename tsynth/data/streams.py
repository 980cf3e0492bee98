"""Random numbers that depend on the seed, the purpose and the entity, and on nothing else.

Entity 4711 draws the same numbers whether it is made alone, in a batch of a thousand or by another worker.
Compiled loops take `Streams.key` and `Streams.entities` and make the stream of each entity inside, by
`tsynth.compiled.random.start`; Python code calls `Streams.normal` and its kin.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Streams", "key"]


def key(seed: int, *purpose: str | int) -> np.uint64:
    """A 64-bit key for this seed and purpose: the head of a sha256, the same on every machine.

    Parameters
    ----------
    seed : int
        Any integer, negative or huge.
    *purpose : str or int
        What the numbers are for. ``("a", "b")`` and ``("ab",)`` are unlike, ``(1,)`` and ``("1",)`` too.

    Raises
    ------
    UsageError
        The seed is not an integer, or a purpose is neither text nor an integer.
    """
    return _digest(_words(seed, purpose))


def _digest(words: Sequence[bytes]) -> np.uint64:
    text = b"".join(len(word).to_bytes(8, "little") + word for word in words)
    return np.uint64(int.from_bytes(hashlib.sha256(text).digest()[:8], "little"))


def _words(seed: int, purpose: Sequence[str | int]) -> list[bytes]:
    return [b"seed:" + _whole(seed, "the seed"), *map(_word, purpose)]


def _word(name: str | int) -> bytes:
    if isinstance(name, str):
        return b"text:" + name.encode("utf-8", "surrogatepass")
    return b"number:" + _whole(name, "a purpose")


def _whole(value: Any, what: str) -> bytes:
    try:
        number = operator.index(value)
    except TypeError:
        raise UsageError(
            f"{what} must be a whole number, not {value!r}", fix="use an int such as 7"
        ) from None
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


class Streams:
    """One random stream an entity, for one purpose.

    Row i of every draw depends only on the seed, the purpose, the number of entity i and how many draws were
    made for it before under this purpose: not on the other entities, their order or their number.

    Parameters
    ----------
    seed : int
        Any integer.
    purpose : str, int or a sequence of them
        What the numbers are for.
    entities : range or int64 array
        Entity numbers, each once.

    Attributes
    ----------
    key : uint64
        Key for `tsynth.compiled.random.start`. A compiled loop that uses it has its own draws, unlike those
        of the methods below, and the same at each call: give each loop a purpose of its own.
    entities : int64 array, (n,)
    seed : int
    path : tuple
        The purpose.

    Examples
    --------
    >>> streams = Streams(7, "prices", range(1000))
    >>> bool((streams.normal()[500] == Streams(7, "prices", range(500, 600)).normal()[0]))
    True
    """

    def __init__(
        self, seed: int, purpose: str | int | Sequence[str | int], entities: range | NDArray[np.int64]
    ) -> None:
        path = (purpose,) if isinstance(purpose, str) or not isinstance(purpose, Sequence) else tuple(purpose)
        if isinstance(entities, range):
            numbers = np.arange(entities.start, entities.stop, entities.step, dtype=np.int64)
        else:
            numbers = np.array(entities, dtype=np.int64).reshape(-1)
        self._put(seed, path, numbers, np.ones(len(numbers), np.int64), np.arange(len(numbers)))

    def _put(
        self,
        seed: int,
        path: tuple[str | int, ...],
        entities: NDArray[np.int64],
        calls: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> None:
        self.key = key(seed, *path)
        self.seed = operator.index(seed)
        self.path = path
        self.entities = entities
        self._calls = calls  # draws made so far an entity, from 1: number 0 belongs to compiled loops
        self._rows = rows  # where our entities stand in `_calls`, which subsets share

    def __len__(self) -> int:
        return len(self.entities)

    def __repr__(self) -> str:
        return f"Streams(seed={self.seed}, purpose={self.path}, {len(self)} entities)"

    def purpose(self, *names: str | int) -> Streams:
        """Streams of the same entities for a purpose inside this one; asking twice gives the same numbers."""
        return Streams(self.seed, (*self.path, *names), self.entities)

    def take(self, index: NDArray[Any] | Sequence[int] | slice) -> Streams:
        """The streams of some of the entities, by their places (each at most once) or a mask.

        A subset goes on where each entity's stream stands, and what it draws is drawn: the whole does not
        draw it again.
        """
        rows = self._rows[index if isinstance(index, slice) else np.asarray(index)]
        if len(np.unique(rows)) != len(rows):
            raise UsageError("an entity is taken twice and would repeat itself", fix="take each place once")
        part = Streams.__new__(Streams)
        part._put(self.seed, self.path, self.entities[index], self._calls, rows)
        return part

    # -- draws

    def uniform(self, shape: int | tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Uniforms on [0, 1), ``(n, *shape)``."""
        return self._draw("uniforms", shape)

    def normal(self, shape: int | tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Standard normals, ``(n, *shape)``."""
        return self._draw("normals", shape)

    def exponential(self, shape: int | tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Exponentials with mean 1, ``(n, *shape)``."""
        return self._draw("exponentials", shape)

    def gamma(self, alpha: ArrayLike, shape: int | tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Gammas with scale 1 and shape `alpha` > 0, one for all or one an entity, ``(n, *shape)``."""
        return self._draw("gammas", shape, self._each(alpha, np.float64, "alpha", 0.0))

    def poisson(self, rate: ArrayLike, shape: int | tuple[int, ...] = ()) -> NDArray[np.int64]:
        """Poisson counts with this rate >= 0, one for all or one an entity, ``(n, *shape)``."""
        return self._draw("poissons", shape, self._each(rate, np.float64, "rate", -1e-300), np.int64)

    def integers(self, high: ArrayLike, shape: int | tuple[int, ...] = ()) -> NDArray[np.int64]:
        """Integers from 0 to `high` - 1, `high` one for all or one an entity, ``(n, *shape)``."""
        return self._draw("integers", shape, self._each(high, np.int64, "high", 0), np.int64)

    def _each(self, value: ArrayLike, dtype: Any, name: str, above: float) -> NDArray[Any]:
        values = np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype=dtype), (len(self),)))
        if not (values > above).all():
            raise UsageError(f"{name} is too small or not a number", fix=f"use {name} > {max(above, 0):g}")
        return values

    def _draw(
        self, kind: str, shape: int | tuple[int, ...], parameter: Any = None, dtype: type = np.float64
    ) -> NDArray[Any]:
        from tsynth.compiled import streams as loops

        shape = tuple(shape) if isinstance(shape, Sequence) else (operator.index(shape),)
        out: NDArray[Any] = np.empty((len(self), *shape), dtype)
        flat = out.reshape(len(self), int(np.prod(shape, dtype=np.int64)))
        calls = self._calls[self._rows]
        arguments = () if parameter is None else (parameter,)
        getattr(loops, kind)(self.key, self.entities, calls, *arguments, flat)
        self._calls[self._rows] += 1
        return out
