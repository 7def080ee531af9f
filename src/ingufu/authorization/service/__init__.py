"""Authorization: the verdict on a presented token, the register it rests on, and the local lists of stations."""

from ingufu.authorization.service.admitting import Admitting
from ingufu.authorization.service.local_lists import LocalLists
from ingufu.authorization.service.register import Register
from ingufu.authorization.service.verdicts import Authorization

__all__ = ["Admitting", "Authorization", "LocalLists", "Register"]
