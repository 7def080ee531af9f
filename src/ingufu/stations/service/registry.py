"""Which stations there are, and what we allow each."""

import secrets as randomness
from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra import secrets
from ingufu.infra.storage.database import Database, Work
from ingufu.stations import decide, passwords, store
from ingufu.stations.events import StationChanged, StationDiscovered
from ingufu.stations.model import Approval, BootAnswer, Station, StationRules
from ingufu.stations.service.quirks import switched_after
from ingufu.stations.store import strangers

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
_LONGEST = {"name": 100, "note": 2000, "certificate_name": 64, "site_id": 36}  # X.520: a common name has at most 64
_PING_MAX_S = 3600


class StationFields(TypedDict, total=False):
    """What people enter about a station."""

    site_id: str | None
    name: str
    note: str
    approval: Approval
    boot_answer: BootAnswer
    security_profile: int
    certificate_name: str | None
    assumed_version: str | None
    is_strict: bool
    is_silent: bool
    allows_compression: bool
    ping_interval_s: int | None


_ENTERED = frozenset(StationFields.__annotations__)


class Registry:
    """The stations that were entered, that called and wait for approval, or that were refused."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        rules: StationRules,
        random_bytes: RandomBytes = randomness.token_bytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self.rules = rules
        self._random_bytes = random_bytes

    async def find_by_identity(self, identity: str) -> Station | None:
        """Return the station that calls itself so, in whichever case it writes it (OCPP 2.x: case-insensitive)."""
        return await store.by_identity(self._database, identity)

    async def get(self, station_id: str) -> Station:
        """Raises NotFound."""
        station = await store.by_id(self._database, station_id)
        if station is None:
            raise NotFound(f"There is no station {station_id!r}.")
        return station

    async def all(self) -> list[Station]:
        """Return every station, by identity."""
        return await store.all_stations(self._database)

    async def askable(self, among: Collection[str] | None = None) -> AsyncIterator[tuple[str, str | None]]:
        """Yield stations (None: of all) that are connected and may be asked by themselves, each with its site's id."""
        async for one in store.askable(self._database, among):
            yield one

    async def create(
        self, work: Work, identity: str, *, password: str | None = None, **fields: Unpack[StationFields]
    ) -> Station:
        """Return the new station, approved unless the fields say otherwise.

        Raises InvalidInput, and Conflict if a station is called so already (at the commit, if it came meanwhile).
        """
        _check_identity(identity)
        if await self.find_by_identity(identity) is not None:
            raise Conflict(f"There is a station called {identity} already.")
        return self._add(work, identity, password, fields)

    async def put(
        self, work: Work, identity: str, *, password: str | None = None, **fields: Unpack[StationFields]
    ) -> Station:
        """Return the station of this identity, made or changed so that it is as given; a repetition changes nothing.

        What is not given stays as it is, except that a station that waited is approved by being entered.
        """
        _check_identity(identity)
        station = await self.find_by_identity(identity)
        if station is None:
            return self._add(work, identity, password, fields)
        if station.approval is Approval.WAITING and "approval" not in fields:
            fields["approval"] = Approval.APPROVED
        values: dict[str, Any] = _checked(fields)
        if station.approval is Approval.WAITING and password is None:
            values |= passwords.NONE  # the one it called with may be anyone's choice
        if password is not None and not secrets.station_password_matches(station.password_hash, password.encode()):
            values |= self._password_columns(station, password)
        return self._change(work, station, values)

    async def update(self, work: Work, station_id: str, **changes: Unpack[StationFields]) -> Station:
        """Return the station with the changes made. Raises NotFound, InvalidInput."""
        return self._change(work, await self.get(station_id), _checked(changes))

    async def approve(self, work: Work, station_id: str, *, keeps_password: bool = False) -> Station:
        """Return the station, now one of ours.

        With `keeps_password` the password with which it called while it waited is its password from now on; without
        it, such a password is forgotten, and one has to be set before it can connect. Raises NotFound.
        """
        station = await self.get(station_id)
        values: dict[str, Any] = {"approval": Approval.APPROVED}
        if station.approval is Approval.WAITING and not keeps_password:
            values |= passwords.NONE
        return self._change(work, station, values)

    async def refuse(self, work: Work, station_id: str) -> Station:
        """Return the station, from now on turned away at the door. A connection it has stays until it is closed."""
        return self._change(work, await self.get(station_id), {"approval": Approval.REFUSED})

    async def switch_quirk(self, work: Work, station_id: str, number: int, *, is_on: bool | None) -> Station:
        """Return the station with a quirk switched on or off for it, or with None, chosen by what it is again.

        The connection it has is coped with in the new way when its settings are read anew. Raises NotFound.
        """
        station = await self.get(station_id)
        return self._change(work, station, {"quirks": switched_after(station, number, is_on=is_on)})

    async def set_password(self, work: Work, station_id: str, password: str) -> Station:
        """Return the station with a new Basic password: text of 16 to 64 characters, or a key of 1.6 in hex digits.

        The old one is right no longer, or for as long as the settings grant; those that the station was sent are right
        no longer. Raises NotFound, InvalidInput.
        """
        station = await self.get(station_id)
        return self._change(work, station, self._password_columns(station, password))

    async def offer_password(self, work: Work, station_id: str, password: str, *, slot: str | None = None) -> bool:
        """Let a password that is about to be sent to the station open, too, until it is known whether it was taken.

        With a slot it is that of the network profile there. Return whether it is the first time, so that a refusal ends
        it. Raises NotFound, InvalidInput, and Conflict at the commit if another one was offered meanwhile.
        """
        station, now = await self.get(station_id), self._clock.now()
        if slot is None:
            is_new = passwords.hash_offered(station, password, now) is None
            columns = passwords.offer(station, password, now, self._random_bytes)
        else:
            is_new = passwords.find_of_profile(station, slot, password, now) is None
            columns = passwords.offer_of_profile(station, slot, password, now, self._random_bytes)
        store.change_offered(work, station, columns, must=True)
        return is_new

    async def took_password(self, work: Work, station_id: str, password: str, *, needs_reset: bool = False) -> None:
        """Let a password that the station has taken be its own. Raises NotFound, InvalidInput.

        The old one is right no longer, or for as long as the settings grant, or until the station comes with the new
        one: it may need a reset before it uses that. Passwords of its network profiles stay, but for the old one.
        """
        station, now = await self.get(station_id), self._clock.now()
        stored = passwords.hash_offered(station, password, now)
        columns = passwords.settle(station, stored, now)
        if secrets.station_password_matches(station.password_hash, password.encode()):
            store.change_offered(work, station, columns)
            return
        store.change_offered(work, station, columns | passwords.drop_own_of_profiles(station, now))
        own = stored or secrets.hash_station_password(password, self._random_bytes)
        self._change(work, station, self._own_password(station, own, needs_reset=needs_reset))

    async def took_password_of_profile(self, work: Work, station_id: str, slot: str, password: str) -> None:
        """Let the password of a network profile that the station keeps now take the place of others of its slot.

        The station's own stays: nobody knows which profile the station will use. Raises NotFound, InvalidInput.
        """
        station, now = await self.get(station_id), self._clock.now()
        store.change_offered(work, station, passwords.take_of_profile(station, slot, password, now, self._random_bytes))

    async def refused_password(self, work: Work, station_id: str, password: str, *, slot: str | None = None) -> None:
        """Let a password that was offered and that the station did not take open no more. Raises NotFound."""
        station, now = await self.get(station_id), self._clock.now()
        if slot is not None:
            store.change_offered(work, station, passwords.refuse_of_profile(station, slot, password, now))
            return
        stored = passwords.hash_offered(station, password, now)
        if stored is not None:
            store.change_offered(work, station, passwords.withdraw(station, stored, now))

    def came_with_password(self, work: Work, station: Station, stored: str | None) -> None:
        """Let an offered password with which the station came, by its hash, take the place of its own.

        If it is that of a network profile, the one before stays open as that of another, for the station may fall back
        to it. `station` is as it was when it was let in; what was set or taken since stays.
        """
        now = self._clock.now()
        columns = self._after_coming(station, stored, now)
        if not columns:
            return
        store.change_offered(work, station, columns)
        if "password_hash" in columns:
            work.emit(StationChanged(occurred_at=now, station_id=station.id, changed=("password",)))

    def right_password(self, station: Station, presented: bytes) -> str | None:
        """Return the hash for which the password of the Authorization header, as bytes, is right; takes microseconds.

        None: it is not the station's.
        """
        return passwords.right_one(station, presented, self._clock.now())

    def password_matches(self, station: Station, presented: bytes) -> bool:
        """Return whether the password of the Authorization header, as bytes, is the station's."""
        return self.right_password(station, presented) is not None

    async def discover(self, work: Work, identity: str, *, address: str = "", password: bytes | None = None) -> Station:
        """Return the station that nobody knew, now listed as waiting for approval.

        The password it presented is kept (hashed) for the person who approves it to accept or not. If the list is
        full, one from the address with most of them makes way, as long as that has more than this one then. Raises
        InvalidInput, TooManyRequests if too many wait already, and Conflict at the commit if it was listed, or its
        place was taken, meanwhile.
        """
        _check_identity(identity)
        if await strangers.count(self._database) >= self.rules.max_waiting:
            other = await strangers.to_make_way(self._database, address)
            if other is None:
                raise TooManyRequests("Too many unknown stations wait for approval already.", retry_after_s=300)
            strangers.remove(work, other)
        presented = self._presented_hash(password)
        station = msgspec.structs.replace(
            self._new(identity),
            approval=Approval.WAITING,
            boot_answer=BootAnswer.ACCEPTED,
            password_hash=presented,
            address=address,
        )
        store.add(work, station)
        work.emit(StationDiscovered(occurred_at=station.created_at, station_id=station.id, identity=identity))
        return station

    async def delete(self, work: Work, station_id: str, *, has_charged: bool) -> bool:
        """Return True if the station is gone, False if it was only retired, because its transactions name it.

        A retired station is refused at the door and has no password. Raises NotFound, and Conflict while it is online.
        """
        station = await self.get(station_id)
        if station.is_online:
            raise Conflict("The station is connected: refuse it and close its connection first.")
        if has_charged:
            self._change(work, station, {"approval": Approval.REFUSED, **passwords.NONE})
            return False
        store.remove(work, station_id)
        return True

    def _new(self, identity: str) -> Station:
        profile = self.rules.default_security_profile
        return Station(
            id=self._ids.new(),
            identity=identity,
            name=identity,
            security_profile=profile,
            created_at=self._clock.now(),
        )

    def _add(self, work: Work, identity: str, password: str | None, fields: StationFields) -> Station:
        values: dict[str, Any] = _checked(fields)
        if password is not None:
            values["password_hash"] = secrets.hash_station_password(password, self._random_bytes)
        station = msgspec.structs.replace(self._new(identity), **values)
        store.add(work, station)
        changed = StationChanged(occurred_at=station.created_at, station_id=station.id, changed=("created",))
        work.emit(changed)
        return station

    def _change(self, work: Work, station: Station, values: dict[str, Any]) -> Station:
        changed = {name: value for name, value in values.items() if getattr(station, name) != value}
        if not changed:
            return station
        store.change(work, station.id, changed)
        named = tuple(sorted("password" if "password" in name else name for name in changed))
        names = tuple(dict.fromkeys(named))
        work.emit(StationChanged(occurred_at=self._clock.now(), station_id=station.id, changed=names))
        return msgspec.structs.replace(station, **changed)

    def _password_columns(self, station: Station, password: str) -> dict[str, Any]:
        stored = secrets.hash_station_password(password, self._random_bytes)
        return self._own_password(station, stored) | passwords.NO_OFFER

    def _own_password(self, station: Station, stored: str, *, needs_reset: bool = False) -> dict[str, Any]:
        now = self._clock.now()
        granted = now + timedelta(seconds=self.rules.password_grace_s)
        old, until = station.password_hash, granted
        if needs_reset:
            old, until = passwords.in_use(station, now, granted), now + passwords.OFFERED_FOR
        return {"password_hash": stored} | passwords.previous(old if until > now else None, until)

    def _after_coming(self, station: Station, stored: str | None, now: datetime) -> dict[str, Any]:
        """Return the columns once the station has come with the password of this hash; none if nothing is new."""
        if stored is None:
            return {}
        if stored == station.password_hash:
            granted = now + timedelta(seconds=self.rules.password_grace_s)
            return passwords.end_waiting(station, now, granted)
        if stored in passwords.offered(station, now):
            others = passwords.settle(station, stored, now) | passwords.drop_own_of_profiles(station, now)
            return self._own_password(station, stored) | others
        return passwords.come_by_profile(station, stored, now)

    def _presented_hash(self, password: bytes | None) -> str | None:
        if password is None:
            return None
        text = password.decode("utf-8", "replace")
        if "\ufffd" in text or not text.isprintable():  # the bytes of a 1.6 key
            text = password.hex()
        if secrets.station_password_flaw(text) is not None:
            return None
        return secrets.hash_station_password(text, self._random_bytes)


def _check_identity(identity: str) -> None:
    flaw = decide.identity_flaw(identity)
    if flaw is not None:
        raise InvalidInput(flaw, field="identity")


def _checked(fields: StationFields) -> dict[str, Any]:
    """Return the fields as values of the model. Raises InvalidInput for what no station can have."""
    values: dict[str, Any] = dict(fields)
    unknown = values.keys() - _ENTERED
    if unknown:
        raise InvalidInput(f"A station has no {', '.join(sorted(unknown))} to enter.", field=min(unknown))
    for name, longest in _LONGEST.items():
        if len(values.get(name) or "") > longest:
            raise InvalidInput(f"{name} has at most {longest} characters.", field=name)
    profile = values.get("security_profile", decide.PASSWORD)
    if not decide.WAIVED <= profile <= decide.HIGHEST_PROFILE:
        raise InvalidInput("A security profile is 1, 2 or 3; 0 waives all checks.", field="security_profile")
    if values.get("assumed_version") not in {None, *VERSIONS}:
        raise InvalidInput(f"assumed_version is one of {', '.join(VERSIONS)}.", field="assumed_version")
    if not 0 <= (values.get("ping_interval_s") or 0) <= _PING_MAX_S:
        raise InvalidInput(f"ping_interval_s is at most {_PING_MAX_S}; 0 sends none.", field="ping_interval_s")
    return values
