"""Draws for many entities at once: row i of `out` comes from the stream of (key, entities[i], calls[i])."""

from __future__ import annotations

import numpy as np

from tsynth.compiled import random
from tsynth.compiled.jit import compiled

__all__ = ["exponentials", "gammas", "integers", "normals", "poissons", "uniforms"]

_start, _uniform, _normal, _exponential = random.start_call, random.uniform, random.normal, random.exponential
_gamma, _poisson, _integer = random.gamma, random.poisson, random.integer


@compiled
def uniforms(key, entities, calls, out):
    """Fill the (n, k) float64 array `out` with uniforms on [0, 1)."""
    state = np.empty(4, np.uint64)
    for i in range(out.shape[0]):
        _start(state, key, entities[i], calls[i])
        for j in range(out.shape[1]):
            out[i, j] = _uniform(state)


@compiled
def normals(key, entities, calls, out):
    """Fill the (n, k) float64 array `out` with standard normals."""
    state = np.empty(4, np.uint64)
    for i in range(out.shape[0]):
        _start(state, key, entities[i], calls[i])
        for j in range(out.shape[1]):
            out[i, j] = _normal(state)


@compiled
def exponentials(key, entities, calls, out):
    """Fill the (n, k) float64 array `out` with unit exponentials."""
    state = np.empty(4, np.uint64)
    for i in range(out.shape[0]):
        _start(state, key, entities[i], calls[i])
        for j in range(out.shape[1]):
            out[i, j] = _exponential(state)


@compiled
def gammas(key, entities, calls, shapes, out):
    """Fill the (n, k) float64 array `out` with gammas of scale 1; one shape an entity."""
    state = np.empty(4, np.uint64)
    for i in range(out.shape[0]):
        _start(state, key, entities[i], calls[i])
        for j in range(out.shape[1]):
            out[i, j] = _gamma(state, shapes[i])


@compiled
def poissons(key, entities, calls, rates, out):
    """Fill the (n, k) int64 array `out` with Poisson counts; one rate an entity."""
    state = np.empty(4, np.uint64)
    for i in range(out.shape[0]):
        _start(state, key, entities[i], calls[i])
        for j in range(out.shape[1]):
            out[i, j] = _poisson(state, rates[i])


@compiled
def integers(key, entities, calls, highs, out):
    """Fill the (n, k) int64 array `out` with integers below `highs`; one bound an entity."""
    state = np.empty(4, np.uint64)
    for i in range(out.shape[0]):
        _start(state, key, entities[i], calls[i])
        for j in range(out.shape[1]):
            out[i, j] = _integer(state, highs[i])
