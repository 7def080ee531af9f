"""Every query of what is asked of readings."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from ingufu.charging.sampling.model import Occasion, Sampling, SamplingState
from ingufu.charging.sampling.tables import samplings
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import upsert

_OF = select(samplings).where(samplings.c.station_id == bindparam("station_id")).order_by(samplings.c.occasion)
_WAITING = select(samplings.c.station_id).where(samplings.c.state == SamplingState.WAITING.value).distinct().limit(1000)
_FORGET = delete(samplings).where(samplings.c.station_id == bindparam("station_id"))
_SAVE = upsert(samplings, ("station_id", "occasion"))
_SETTLE = (
    update(samplings)
    .where(
        samplings.c.station_id == bindparam("of_station"),
        samplings.c.occasion == bindparam("of_occasion"),
        samplings.c.asked_at == bindparam("of_asked_at"),  # what was asked since counts
    )
    .values({name: bindparam(f"to_{name}") for name in (
        "state", "taken", "refused", "refused_firmware", "detail", "settled_at",
    )})
)  # fmt: skip


async def samplings_of(database: Database, station_id: str) -> list[Sampling]:
    return [_sampling(row) for row in await database.fetch_all(_OF, {"station_id": station_id})]


async def stations_waiting(database: Database) -> list[str]:
    """Return the stations of which something is asked that they do not know yet."""
    return [row["station_id"] for row in await database.fetch_all(_WAITING)]


def save(work: Work, sampling: Sampling) -> None:
    row: dict[str, Any] = msgspec.structs.asdict(sampling)
    measurands = sampling.measurands
    row |= {"taken": list(sampling.taken), "refused": list(sampling.refused)}
    work.execute(_SAVE, row | {"measurands": None if measurands is None else list(measurands)})


def forget_station(work: Work, station_id: str) -> None:
    work.execute(_FORGET, {"station_id": station_id})


def settle(work: Work, sampling: Sampling) -> None:
    """Write how far a wish has come, unless another has taken its place."""
    row: dict[str, Any] = {"of_station": sampling.station_id, "of_occasion": sampling.occasion}
    row |= {"of_asked_at": sampling.asked_at, "to_state": sampling.state, "to_detail": sampling.detail}
    row |= {"to_taken": list(sampling.taken), "to_refused": list(sampling.refused)}
    row |= {"to_refused_firmware": sampling.refused_firmware, "to_settled_at": sampling.settled_at}
    work.execute(_SETTLE, row)


def _sampling(row: Row) -> Sampling:
    changed = {
        "occasion": Occasion(row["occasion"]),
        "state": SamplingState(row["state"]),
        "measurands": None if row["measurands"] is None else tuple(row["measurands"]),
        "taken": tuple(row["taken"]),
        "refused": tuple(row["refused"]),
    }
    return Sampling(**{**row, **changed})
