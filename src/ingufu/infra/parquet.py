"""Parquet, written a row group at a time: what was sent on needs not be held any longer."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from ingufu.core.sheet import Kind

PLACES = 9  # of exact numbers: more than any money has, and enough for hours
GROUP_ROWS = 10_000  # of a row group: few enough to be held, and so many that the list of groups at the end is short
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
    """Turns rows into the bytes of one file. `columns` names each with its kind."""

    def __init__(self, columns: Mapping[str, Kind], *, group_rows: int = GROUP_ROWS) -> None:
        import pyarrow as pa  # noqa: PLC0415 - large: only who exports waits for it
        from pyarrow import parquet  # noqa: PLC0415

        kinds = {
            "text": pa.string(),
            "instant": pa.timestamp("us", tz="UTC"),
            "day": pa.date32(),
            "exact": pa.decimal128(_DIGITS, PLACES),
            "real": pa.float64(),
            "integer": pa.int64(),
            "flag": pa.bool_(),
        }
        self._arrow = pa
        self._fitting = [_FITTING.get(kind) for kind in columns.values()]
        self._schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._group_rows = group_rows
        self._held: list[Any] = []  # record batches
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(pa.PythonFile(self._sink, mode="w"), self._schema, compression="zstd")

    def add(self, rows: Sequence[Sequence[Any]]) -> bytes:
        """Return what is to be sent next: nothing as long as the rows are too few for a group.

        The file's head comes with the first.
        """
        if rows:
            self._held.append(self._batch(rows))
            if sum(batch.num_rows for batch in self._held) >= self._group_rows:
                self._write()
        return self._sink.take()

    def end(self) -> bytes:
        """Return the last bytes, which say where everything stands."""
        self._write()
        self._writer.close()
        return self._sink.take()

    def _write(self) -> None:
        if self._held:
            whole = self._arrow.Table.from_batches(self._held, schema=self._schema).combine_chunks()
            self._writer.write_table(whole, row_group_size=max(whole.num_rows, 1))
            self._held.clear()

    def _batch(self, rows: Sequence[Sequence[Any]]) -> Any:
        columns = zip(*rows, strict=True)
        arrays = [
            self._arrow.array(values if fit is None else [fit(value) for value in values], type=field.type)
            for values, fit, field in zip(columns, self._fitting, self._schema, strict=True)
        ]
        return self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema)


def _exact(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_QUANTUM, ROUND_HALF_EVEN)


def _text(value: str | None) -> str | None:
    return None if value is None else str(value)  # a word of an enumeration is a text of its own kind


_FITTING: Mapping[Kind, Callable[[Any], Any]] = {"exact": _exact, "text": _text}
