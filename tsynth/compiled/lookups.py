"""Tables from several codes to one: how often a table learned from some rows is right in others."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["right_shares"]


@compiled
def right_shares(codes, wide, target, usual, options, cells):
    """How often each set of keys tells the target, learned from the first half of the rows and tested on the second.

    Parameters
    ----------
    codes : int64 array, (K, M)
        Code of each row in each column.
    wide : int64 array, (K,)
        Number of codes of each column.
    target : int
        The column that is told.
    usual : int
        Its most frequent code.
    options : int64 array, (P, S)
        Columns of each set of keys; -1 for none.
    cells : int
        Sets with more combinations than this are not tried.

    Returns
    -------
    float64 array, (P, 2)
        Share of right rows among those whose combination occurs in the first half, and the same among rows whose
        target is not the usual one (1 where there is no such row); -1 for sets that are not tried.
    """
    own = codes[target]
    rows = len(own)
    half = rows // 2
    out = np.full((len(options), 2), -1.0)
    votes = np.zeros((cells, wide[target]), np.int64)
    joint = np.empty(rows, np.int64)
    for p in range(len(options)):
        many = 1
        for k in options[p]:
            if k >= 0:
                many *= wide[k]
        if many > cells:
            continue
        joint[:] = 0
        for k in options[p]:
            if k >= 0:
                for r in range(rows):
                    joint[r] = joint[r] * wide[k] + codes[k, r]
        votes[:many] = 0
        for r in range(half):
            votes[joint[r], own[r]] += 1
        seen = right = few = few_right = 0
        for r in range(half, rows):
            best, most = -1, 0
            for v in range(wide[target]):
                if votes[joint[r], v] > most:
                    best, most = v, votes[joint[r], v]
            if best < 0:
                continue
            seen += 1
            right += best == own[r]
            if own[r] != usual:
                few += 1
                few_right += best == own[r]
        out[p, 0] = right / seen if seen else 0.0
        out[p, 1] = few_right / few if few else 1.0
    return out
