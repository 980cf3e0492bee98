"""A linear layer over compressed rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tsynth.compiled.sparse import product, product_by_code, scatter, scatter_by_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CompressedRows", "SparseByCode", "SparseLinear"]


@dataclass(frozen=True)
class CompressedRows:
    """Rows of features, most of them 0: pairs (index, value) of row r are ``at[r]:at[r + 1]``.

    Parameters
    ----------
    at : int64 array, (R + 1,)
    index : int32 array
    value : float32 array
    features : int
        Number of columns.
    """

    at: NDArray[np.int64]
    index: NDArray[np.int32]
    value: NDArray[np.float32]
    features: int

    def __len__(self) -> int:
        return len(self.at) - 1


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, data: CompressedRows, rows: NDArray[np.int64]) -> Tensor:
        out = np.zeros((len(rows), weight.shape[1]), np.float32)
        product(data.at, data.index, data.value, rows, weight.detach().numpy(), out)
        ctx.data, ctx.rows, ctx.shape = data, rows, weight.shape
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        out = np.zeros(tuple(ctx.shape), np.float32)
        data = ctx.data
        scatter(data.at, data.index, data.value, ctx.rows, gradients[0].contiguous().numpy(), out)
        return torch.from_numpy(out), None, None


class SparseLinear(nn.Module):
    """``x W + b`` for rows of a `CompressedRows`; on the CPU, sums in one order.

    Parameters
    ----------
    features, outs : int
    draw : torch.Generator
        Draws the first weights.

    Attributes
    ----------
    weight : Parameter, (features, outs)
    bias : Parameter, (outs,)
    """

    def __init__(self, features: int, outs: int, draw: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.empty(features, outs).normal_(0.0, math.sqrt(1.0 / features), generator=draw)
        )
        self.bias = nn.Parameter(torch.zeros(outs))

    def forward(self, data: CompressedRows, rows: NDArray[np.int64]) -> Tensor:
        """Outputs of these rows, (B, outs)."""
        made: Tensor = _Product.apply(self.weight, data, rows)
        return made + self.bias


class _ProductByCode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        data: CompressedRows,
        rows: NDArray[np.int64],
        code: NDArray[np.int64],
        place: NDArray[np.int64],
    ) -> Tensor:
        out = np.zeros((len(rows), weight.shape[2]), np.float32)
        product_by_code(data.at, data.index, data.value, rows, code, place, weight.detach().numpy(), out)
        ctx.data, ctx.rows, ctx.code, ctx.place, ctx.shape = data, rows, code, place, weight.shape
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        out = np.zeros(tuple(ctx.shape), np.float32)
        data, gradient = ctx.data, gradients[0].contiguous().numpy()
        scatter_by_code(data.at, data.index, data.value, ctx.rows, ctx.code, ctx.place, gradient, out)
        return torch.from_numpy(out), None, None, None, None


class SparseByCode(nn.Module):
    """``x W[code]`` over some of the features of a `CompressedRows`, a matrix for each code; 0 at first.

    Parameters
    ----------
    codes, outs : int
    place : int64 array, (F,)
        Row of the matrix that each feature meets, -1 where it is left out.

    Attributes
    ----------
    weight : Parameter, (codes, places, outs)
    """

    def __init__(self, codes: int, outs: int, place: NDArray[np.int64]) -> None:
        super().__init__()
        self.place = place
        self.weight = nn.Parameter(torch.zeros(codes, int(place.max(initial=-1)) + 1, outs))

    def forward(self, data: CompressedRows, rows: NDArray[np.int64], code: NDArray[np.int64]) -> Tensor:
        """Outputs of these rows, (B, outs)."""
        made: Tensor = _ProductByCode.apply(self.weight, data, rows, code, self.place)
        return made
