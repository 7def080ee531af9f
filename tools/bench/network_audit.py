"""Of a large network: what people did in a year, written by the product itself: the trail is whole."""

import random
from datetime import datetime, timedelta

from ingufu.accounts.model import ActorKind, Principal
from ingufu.core.clock import FrozenClock
from ingufu.services import Services

YEAR = timedelta(days=364)
AT_ONCE = 2000  # entries of one commit
PEOPLE = 12
DEEDS = (
    ("station.command", "station"), ("station.command", "station"), ("station.change", "station"),
    ("token.block", "token"), ("token.create", "token"), ("tariff.assign", "tariff"), ("review.decide", "transaction"),
    ("login", "user"),
)  # fmt: skip


async def add_audit(services: Services, clock: FrozenClock, *, count: int, seed: str, until: datetime) -> None:
    """Have so many entries in the trail, in the order of their time, and seal them."""
    chance = random.Random(f"{seed}:audit")
    people = [
        Principal(kind=ActorKind.USER, id=f"person-{number}", name=f"Person {number}", address=f"10.9.8.{number}")
        for number in range(1, PEOPLE + 1)
    ]
    for first in range(0, count, AT_ONCE):
        async with services.database.work() as work:
            for number in range(first, min(first + AT_ONCE, count)):
                clock.set(until - YEAR + YEAR * number / count)
                action, kind = chance.choice(DEEDS)
                services.accounts.audit(
                    work,
                    chance.choice(people),
                    action,
                    object_kind=kind,
                    object_id=f"{kind}-{chance.randrange(count // 20 + 1)}",
                    is_refused=chance.random() < 0.01,
                    before={"name": f"before {number}"},
                    after={"name": f"after {number}"},
                )
    await services.accounts.seal_audit()
