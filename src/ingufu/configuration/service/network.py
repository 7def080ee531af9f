"""Network profiles of stations: sent to a slot, kept, and put into the order in which they are used."""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from ingufu.configuration import decide, store
from ingufu.configuration.decide import PRIORITY
from ingufu.configuration.events import NetworkProfileAnswered
from ingufu.configuration.model import ItemOutcome, KeptProfile
from ingufu.configuration.service.asking import Asking, Reading
from ingufu.configuration.service.means import Means
from ingufu.configuration.service.password_sending import NOT_TAKEN, PasswordSending
from ingufu.core.configuration import NetworkProfile, SetNetworkProfile, WriteItem
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.variables import NUMBER_MAX
from ingufu.infra.secrets import station_password_flaw
from ingufu.stations.model import Station

URL_LONGEST = 2000
TIMEOUT_MOST_S = 3600
TLS = 2


class Network:
    """How stations reach us, and how they should."""

    def __init__(self, means: Means, asking: Asking) -> None:
        self._means = means
        self._asking = asking

    async def profiles(self, station_id: str) -> list[KeptProfile]:
        """Return what was sent to each slot, and what the station answered; secrets are hidden."""
        return await store.profiles_of(self._means.database, station_id)

    async def send(
        self, by: Reading, station: Station, slot: int, profile: NetworkProfile, *, is_forced: bool = False
    ) -> KeptProfile:
        """Return the profile with the station's answer; an earlier one of this slot is replaced if it was accepted.

        A password in it opens from before it is sent, whatever the address: behind a proxy we do not know our own.
        Raises InvalidInput for a profile that cannot work, Conflict (unless forced) for one that would lower the
        station's security or overwrite the slot that it uses now, StationUnavailable.
        Spec: OCPP 2.1 part 2, B09.
        """
        _check(slot, profile)
        if not is_forced:
            await self._check_safe(station, slot, profile)
        passwords = PasswordSending(self._means, station)
        if profile.password is not None:
            await passwords.offer(profile.password, str(slot))
        try:
            command = SetNetworkProfile(slot=slot, profile=profile)
            outcome = await by.link.call(station.id, command, timeout_s=by.timeout_s)
        except NOT_TAKEN:
            if profile.password is not None:
                await passwords.withdraw(profile.password, str(slot))
            raise
        at = self._means.clock.now()
        plain, secrets = _parted(profile)
        kept = KeptProfile(
            station_id=station.id,
            slot=slot,
            profile=plain,
            sealed=self._means.vault.seal(secrets, f"{station.id}/{slot}") if secrets else None,
            status=outcome.status,
            reason=", ".join(str(word) for word in outcome.details.values() if word)[:500],
            sent_at=at,
            sent_by=by.actor or "",
        )
        async with self._means.database.work() as work:
            known = {one.slot: one for one in await self.profiles(station.id)}
            if outcome.is_accepted or not _stands(known.get(slot)):
                store.save_profile(work, kept)
            if profile.password is not None:
                await passwords.settle(work, profile.password, str(slot), outcome.status)
            work.emit(
                NetworkProfileAnswered(
                    occurred_at=at, station_id=station.id, slot=slot, status=outcome.status, actor=by.actor
                )
            )
        return kept

    async def prioritise(
        self, by: Reading, station: Station, slots: Sequence[int], *, is_forced: bool = False
    ) -> ItemOutcome:
        """Return what the station says to this order of slots; it counts from its next start on, the first that works.

        The slots that follow are the fallback: the station goes on to them after NetworkProfileConnectionAttempts
        tries. Raises InvalidInput for an order that would keep the station from coming back, StationUnavailable.
        """
        value = ",".join(str(slot) for slot in slots)
        item = WriteItem(name=PRIORITY, value=value)
        if not is_forced:
            known = await store.variables_of(self._means.database, station.id)
            flaws = await self._asking.flaws(station, [item], known)
            if flaws:
                raise InvalidInput(next(iter(flaws.values())), field="slots")
        return (await self._asking.write(by, station, [item], is_forced=True))[0]

    async def _check_safe(self, station: Station, slot: int, profile: NetworkProfile) -> None:
        held_to = max(station.used_security_profile or 0, station.security_profile)
        if profile.security_profile < held_to:
            raise Conflict(
                f"The station is held to security profile {held_to}: with a lower one it would be refused at the door."
            )
        in_use = await store.variable_of(self._means.database, station.id, "ocppcommctrlr.activenetworkprofile")
        if any(one.value == str(slot) for one in in_use):
            raise Conflict(f"The station uses slot {slot} now: send the profile to another one, and change the order.")


def _check(slot: int, profile: NetworkProfile) -> None:
    if not 0 <= slot <= NUMBER_MAX:
        raise InvalidInput("A slot is a number of at most 31 bits.", field="slot")
    address = _split(profile.url)
    if address is None:
        raise InvalidInput("The address begins with ws:// or wss:// and names a host.", field="url")
    if address != "wss" and profile.security_profile >= TLS:
        raise InvalidInput("Security profiles 2 and 3 need a wss:// address.", field="url")
    if address == "wss" and profile.security_profile < TLS:
        raise InvalidInput("With a wss:// address the security profile is 2 or 3.", field="security_profile")
    if not 0 <= profile.security_profile <= 3:
        raise InvalidInput("A security profile is 1, 2 or 3; 0 is none.", field="security_profile")
    if not 0 < profile.message_timeout_s <= TIMEOUT_MOST_S:
        raise InvalidInput(f"A timeout is at most {TIMEOUT_MOST_S} s.", field="message_timeout_s")
    if profile.password is not None and (flaw := station_password_flaw(profile.password)) is not None:
        raise InvalidInput(flaw, field="password")


def _split(url: str) -> str | None:
    if len(url) > URL_LONGEST:
        return None
    try:
        address = urlsplit(url)
    except ValueError:
        return None
    return address.scheme if address.scheme in ("ws", "wss") and address.hostname else None


def _parted(profile: NetworkProfile) -> tuple[NetworkProfile, str]:
    """Return the profile as it may be shown, and its secrets as text; empty if it has none."""
    replace = msgspec.structs.replace
    secrets = {
        "password": profile.password,
        "apn_password": None if profile.apn is None else profile.apn.password,
        "sim_pin": None if profile.apn is None else profile.apn.sim_pin,
        "vpn_password": None if profile.vpn is None else profile.vpn.password,
        "vpn_key": None if profile.vpn is None else profile.vpn.key,
    }
    found = {name: value for name, value in secrets.items() if value is not None}
    apn = None if profile.apn is None else replace(profile.apn, password=None, sim_pin=None)
    vpn = None if profile.vpn is None else replace(profile.vpn, password=decide.HIDDEN, key=decide.HIDDEN)
    plain = replace(profile, password=None, apn=apn, vpn=vpn)
    return plain, msgspec.json.encode(found).decode() if found else ""


def _stands(known: KeptProfile | None) -> bool:
    return known is not None and known.status == "Accepted"
