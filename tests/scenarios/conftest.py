"""What scenarios share: a gateway on a real port, with a date that stands still and seconds that pass."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingufu.app.settings import OcppSettings
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from running import Running, StandingClock, running_gateway


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged; rendering it would take longer than most scenarios."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
async def house(database: Database, clock: StandingClock, ids: IdMaker) -> AsyncIterator[Running]:
    ocpp = OcppSettings(drain_s=0.0, messages_per_s=100_000.0, interval_jitter=0.0)
    async with running_gateway(database, clock, ids, ocpp=ocpp) as running:
        yield running
