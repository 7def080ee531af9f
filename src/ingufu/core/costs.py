"""What stations are told of the cost of a session, for their displays."""

from datetime import datetime
from decimal import Decimal

from ingufu.core.commands import Command, Outcome


class TellCost(Command[Outcome], frozen=True, kw_only=True):
    """Tell a station what a transaction costs so far, taxes included; or in the end, once it is over.

    2.x: CostUpdated (I02), which knows no final cost. 1.6: the messages for costs of the Open Charge Alliance, in
    DataTransfer.
    """

    reference: str
    cost: Decimal
    currency: str
    at: datetime
    register_wh: Decimal | None = None
    is_idle: bool = False
    is_final: bool = False
    text: str = ""  # for people, of a final cost
