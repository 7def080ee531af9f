"""Parquet, written a row group at a time: what was sent on needs not be held any longer."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

PLACES = 9  # of exact numbers: more than any money has, and enough for hours
_DIGITS = 28
_QUANTUM = Decimal(1).scaleb(-PLACES)


class _Sink:
    """A file that is written only, and taken away as it grows."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        self._position += len(part)
        return len(part)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


class ParquetStream:
    """Turns rows into the bytes of one file. `columns` names each with its kind: text, instant, exact or integer."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - large: only who exports waits for it
        from pyarrow import parquet  # noqa: PLC0415

        kinds = {
            "text": pa.string(),
            "instant": pa.timestamp("us", tz="UTC"),
            "exact": pa.decimal128(_DIGITS, PLACES),
            "integer": pa.int64(),
        }
        self._arrow = pa
        self._exact = [name for name, kind in columns.items() if kind == "exact"]
        self._schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(pa.PythonFile(self._sink, mode="w"), self._schema, compression="zstd")

    def group(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """Return what is to be sent next: a group of these rows, and before the first the file's head."""
        if rows:
            table = self._arrow.Table.from_pylist([self._fitting(row) for row in rows], schema=self._schema)
            self._writer.write_table(table)
        return self._sink.take()

    def end(self) -> bytes:
        """Return the last bytes, which say where everything stands."""
        self._writer.close()
        return self._sink.take()

    def _fitting(self, row: Mapping[str, Any]) -> dict[str, Any]:
        exact = {name: row[name] for name in self._exact if row.get(name) is not None}
        return {**row, **{name: value.quantize(_QUANTUM, ROUND_HALF_EVEN) for name, value in exact.items()}}
