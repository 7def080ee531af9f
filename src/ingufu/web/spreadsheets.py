"""CSV that spreadsheets open: UTF-8 with its mark, and no cell that one of them takes for a formula."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

MARK = b"\xef\xbb\xbf"  # by which spreadsheets know UTF-8
MEDIA_TYPE = "text/csv"  # what answers adds the charset
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")  # with which a cell begins that a spreadsheet takes for a formula


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula: what comes from outside may try."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str) and value.startswith(_RISKY):
        return f"'{value}"
    return str(value)


def lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as lines of CSV."""
    written = io.StringIO()
    csv.writer(written).writerows([[cell(value) for value in row] for row in rows])
    return written.getvalue().encode()
