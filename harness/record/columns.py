"""Arrow arrays from buffers, and tables as Parquet files.

``pa.array`` and casts load pandas and compute functions on first use: 50 MB and 0.2 s in the middle of a measurement.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RunFolderError, first_line


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


def table_of(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.Table:
    """Rows as a table without nulls."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in schema]
    arrays = [
        dictionary(column)
        if pa.types.is_dictionary(field.type)
        else numbers(column, np.float64 if pa.types.is_floating(field.type) else np.int64)
        for field, column in zip(schema, columns, strict=True)
    ]
    return pa.table(arrays, schema=schema)


def write_table(table: pa.Table, path: Path, **options: Any) -> Path:  # noqa: ANN401 - of ``pq.write_table``
    """Write a table to a temporary file and rename it into place; returns its path."""
    partial = path.with_suffix(".partial")
    pq.write_table(table, partial, compression="zstd", **options)
    return partial.rename(path)


@contextmanager
def table_in(path: Path, what: str, remedy: str = "") -> Iterator[pa.Table]:
    """The table of a Parquet file; raises ``RunFolderError`` when it is damaged, or the block cannot use it."""
    try:
        yield pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise RunFolderError(f"{path}: damaged {what} ({first_line(error)}){remedy}") from error
