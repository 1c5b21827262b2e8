"""Multiplicity: p-values of several questions, adjusted so that each can be compared with the level by itself."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p-values that control the family-wise error rate, whatever the dependence of the questions.

    Args:
        p: each in [0, 1], any order.

    Returns:
        The adjusted ones in the same order, at least as large, at most 1.

    Raises:
        ValueError: when one is no probability.

    Source: Holm (1979); Wright (1992) for adjusted p-values.
    """
    values, order = _ranked(p)
    larger = values[order] * np.arange(len(values), 0, -1)
    return _in_place(np.maximum.accumulate(larger), order)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjusted p-values that control the false discovery rate, for questions of positive dependence.

    Arguments, result and errors as of ``holm``.

    Source: Benjamini & Hochberg (1995); Yekutieli & Benjamini (1999) for adjusted p-values.
    """
    values, order = _ranked(p)
    larger = values[order] * len(values) / np.arange(1, len(values) + 1)
    return _in_place(np.minimum.accumulate(larger[::-1])[::-1], order)


def _ranked(p: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    values = np.asarray(p, dtype=np.float64)
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError("a p-value must be between 0 and 1")
    return values, np.argsort(values, kind="stable")


def _in_place(adjusted: NDArray[np.float64], order: NDArray[np.intp]) -> list[float]:
    found = np.empty_like(adjusted)
    found[order] = np.minimum(adjusted, 1.0)
    return [float(value) for value in found]
