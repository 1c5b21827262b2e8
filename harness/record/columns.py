"""Columns: Arrow arrays made from buffers.

``pa.array`` and casts load pandas and the compute functions when they are first used: 50 MB and a fifth of a second, in
the middle of a run and beside what it measures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa


def numbers(values: Any, kind: Any, there: Any = None) -> Any:  # noqa: ANN401 - pyarrow has no common type of arrays
    """A copy of ``values`` as an array of the NumPy type ``kind``, null where ``there`` is false."""
    copied: Any = np.array(values, dtype=kind)
    bits: Any = None if there is None else np.packbits(there, bitorder="little")
    valid = None if there is None else pa.py_buffer(bits)
    return pa.Array.from_buffers(pa.from_numpy_dtype(kind), len(copied), [valid, pa.py_buffer(copied)])


def names(codes: Any, texts: Sequence[str]) -> Any:  # noqa: ANN401 - the same
    """An array of texts by their codes; what cannot be written as UTF-8 becomes a question mark."""
    encoded = [text.encode(errors="replace") for text in texts]
    ends: Any = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    strings = pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
    return pa.DictionaryArray.from_arrays(codes, strings)
