"""A station's password on its way to the station: it opens from then until it is known what became of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ingufu.configuration.decide import PASSWORD
from ingufu.configuration.service.means import Means
from ingufu.core.configuration import ACCEPTED, REBOOT_REQUIRED, WriteItem, WriteResult
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Station

OLD_PASSWORD_S = 24 * 3600.0  # for which the old one opens besides a new one that needs a reset


class PasswordSending:
    """The passwords among the values that are sent to one station."""

    def __init__(self, means: Means, station: Station) -> None:
        self._means = means
        self._station_id = station.id
        self._fresh: set[str] = set()  # that did not open before they were sent

    async def offer(self, items: Sequence[WriteItem]) -> None:
        """Let a password open before it is sent: the station may take it, and its answer be lost. Raises Conflict."""
        for item in items:
            if item.name.key == PASSWORD.key:
                async with self._means.database.work() as work:
                    if await self._means.stations.offer_password(work, self._station_id, item.value):
                        self._fresh.add(item.value)

    async def withdraw(self, items: Sequence[WriteItem]) -> None:
        """Let what of these the station cannot have taken open no more."""
        for item in items:
            if item.name.key == PASSWORD.key and item.value in self._fresh:
                async with self._means.database.work() as work:
                    await self._means.stations.refused_password(work, self._station_id, item.value)

    async def keep(
        self, work: Work, given: Mapping[tuple[str, str], str], results: Sequence[WriteResult], at: datetime
    ) -> None:
        """Let the station in with the password that it took (A01.FR.03); with the old one until it has booted.

        A refusal ends what was sent now alone: if it was sent before, that may have been taken.
        """
        stations = self._means.stations
        for one in results:
            password = given.get((one.name.key, one.attribute))
            if one.name.key != PASSWORD.key or password is None:
                continue
            if one.status in (ACCEPTED, REBOOT_REQUIRED):
                until = at + timedelta(seconds=OLD_PASSWORD_S) if one.status == REBOOT_REQUIRED else None
                await stations.took_password(work, self._station_id, password, old_until=until)
            elif password in self._fresh:
                await stations.refused_password(work, self._station_id, password)
