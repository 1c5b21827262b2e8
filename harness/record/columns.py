"""Arrow arrays from buffers.

``pa.array`` and casts load pandas and compute functions on first use: 50 MB and 0.2 s in the middle of a measurement.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa


def numbers(values: Any, kind: Any, there: Any = None) -> Any:  # noqa: ANN401 - pyarrow has no common type of arrays
    """A copy of ``values`` as an array of NumPy type ``kind``, null where ``there`` is false."""
    copied: Any = np.array(values, dtype=kind)
    bits: Any = None if there is None else np.packbits(there, bitorder="little")
    valid = None if there is None else pa.py_buffer(bits)
    return pa.Array.from_buffers(pa.from_numpy_dtype(kind), len(copied), [valid, pa.py_buffer(copied)])


def dictionary(values: Sequence[object]) -> Any:  # noqa: ANN401 - the same
    """A dictionary array of the texts of some values."""
    texts = list(dict.fromkeys(map(str, values)))
    codes = {text: code for code, text in enumerate(texts)}
    return names(numbers([codes[str(value)] for value in values], np.int32), texts)


def names(codes: Any, texts: Sequence[str]) -> Any:  # noqa: ANN401 - the same
    """A dictionary array from codes; characters that UTF-8 cannot encode become question marks."""
    encoded = [text.encode(errors="replace") for text in texts]
    ends: Any = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    strings = pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
    return pa.DictionaryArray.from_arrays(codes, strings)
