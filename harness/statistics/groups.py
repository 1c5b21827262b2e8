"""Groups: the positions of equal codes, side by side."""

import numpy as np
from numpy.typing import NDArray

RADIX = 2**16
"""So many codes fit in 16 bits, which NumPy sorts by radix: the same order in a tenth of the time."""


def group_by_code(codes: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order positions by their code, equal codes in the order in which they came.

    Args:
        codes: from 0 up to ``count - 1``, shape ``(n,)``.
        count: how many codes there are.

    Returns:
        The positions in that order, shape ``(n,)``; and where each code begins in it and the last one ends, shape
        ``(count + 1,)``.
    """
    order = np.argsort(codes.astype(np.uint16) if count <= RADIX else codes, kind="stable")
    return order, np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=count))])
