"""Rows of tables as what they are."""

import msgspec

from ingufu.authorization.model import Token, TokenLimits
from ingufu.infra.storage.database import Row


def token_of(row: Row) -> Token:
    """Return the token that a row is."""
    limits = row["limits"]
    return Token(**{**row, "limits": None if limits is None else msgspec.convert(limits, TokenLimits)})
