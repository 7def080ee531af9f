"""Who logs in to the demo."""

from typing import NamedTuple


class Login(NamedTuple):
    email: str
    password: str
