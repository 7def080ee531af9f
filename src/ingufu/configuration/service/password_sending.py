"""A station's password on its way to the station: it opens from then until it is known what became of it."""

from collections.abc import Mapping, Sequence

from ingufu.configuration import decide
from ingufu.configuration.service.means import Means
from ingufu.core.configuration import ACCEPTED, REBOOT_REQUIRED, WriteItem, WriteResult
from ingufu.core.errors import InvalidInput, StationNotAccepted, StationUnsupported
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Station

NOT_TAKEN = (StationUnsupported, StationNotAccepted, InvalidInput)  # it was not sent, or not understood


class PasswordSending:
    """The passwords that are sent to one station: its own, and those of its network profiles, by their slot."""

    def __init__(self, means: Means, station: Station) -> None:
        self._means = means
        self._station_id = station.id
        self._fresh: set[tuple[str | None, str]] = set()  # slot and password, sent for the first time

    async def offer(self, password: str, slot: str | None = None) -> None:
        """Let a password open before it is sent: the station may take it, and its answer be lost. Raises Conflict."""
        async with self._means.database.work() as work:
            if await self._means.stations.offer_password(work, self._station_id, password, slot=slot):
                self._fresh.add((slot, password))

    async def offer_values(self, items: Sequence[WriteItem]) -> None:
        """Let the passwords among values open before they are sent. Raises Conflict."""
        for item in items:
            if decide.is_password(item.name):
                await self.offer(item.value, decide.profile_slot(item.name))

    async def withdraw(self, password: str, slot: str | None = None) -> None:
        """Let a password that the station cannot have taken open no more, unless it was sent before."""
        if (slot, password) in self._fresh:
            async with self._means.database.work() as work:
                await self._means.stations.refused_password(work, self._station_id, password, slot=slot)

    async def withdraw_values(self, items: Sequence[WriteItem]) -> None:
        """Do so with the passwords among values."""
        for item in items:
            if decide.is_password(item.name):
                await self.withdraw(item.value, decide.profile_slot(item.name))

    async def keep(self, work: Work, given: Mapping[tuple[str, str], str], results: Sequence[WriteResult]) -> None:
        """Settle the station's own password, if it is among values that it has answered to."""
        for one in results:
            password = given.get((one.name.key, one.attribute))
            if password is not None and one.name.key == decide.PASSWORD.key:
                await self.settle(work, password, None, one.status)

    async def keep_of_profiles(self, given: Mapping[tuple[str, str], str], results: Sequence[WriteResult]) -> None:
        """Settle the passwords of profiles among such values, one after the other, as each changes what is known."""
        for one in results:
            password, slot = given.get((one.name.key, one.attribute)), decide.profile_slot(one.name)
            if password is not None and slot is not None:
                async with self._means.database.work() as work:
                    await self.settle(work, password, slot, one.status)

    async def settle(self, work: Work, password: str, slot: str | None, status: str) -> None:
        """Let the station in with the password that it took (A01.FR.03); with the old one until it has booted.

        A refusal ends what was sent now alone: if it was sent before, that may have been taken.
        """
        stations = self._means.stations
        if status not in (ACCEPTED, REBOOT_REQUIRED):
            if (slot, password) in self._fresh:
                await stations.refused_password(work, self._station_id, password, slot=slot)
        elif slot is None:
            needs_reset = status == REBOOT_REQUIRED
            await stations.took_password(work, self._station_id, password, needs_reset=needs_reset)
        else:
            await stations.took_password_of_profile(work, self._station_id, slot, password)
