"""The register of drivers, groups and id tokens."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from ingufu.authorization import decide, registration, store
from ingufu.authorization.events import (
    DriverBlocked,
    DriverChanged,
    DriverCreated,
    DriverDeleted,
    DriverUnblocked,
    GroupChanged,
    TokenBlocked,
    TokenChanged,
    TokenCreated,
    TokenDeleted,
    TokenUnblocked,
)
from ingufu.authorization.model import (
    Driver,
    DriverDetails,
    GroupDetails,
    PresentedToken,
    Token,
    TokenDetails,
    TokenFacts,
    TokenGroup,
    token_key,
)
from ingufu.authorization.ports import OpenTransactions
from ingufu.authorization.store import plans
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain, plain_or_none
from ingufu.infra.storage.database import Database, Work

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Register:
    """Drivers, groups and tokens. Reads committed data; every change goes into the unit of work it is given."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, open_transactions: OpenTransactions) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._open_transactions = open_transactions

    async def find_facts(self, token: PresentedToken | None) -> TokenFacts | None:
        """Return what is registered of a token as it is presented."""
        if token is None or not token.key:
            return None
        found = await store.find_facts(self._database, token)
        # A value may be a contract's in one spelling and a card's in another: each kind is compared by its own rule.
        named = [
            one for one in found if token_key(one.token.value, one.token.kind) == token_key(token.value, one.token.kind)
        ]
        return decide.pick(token, named)

    # Drivers

    async def get_driver(self, driver_id: str) -> Driver:
        """Return the driver. Raises NotFound."""
        driver = await store.find_driver(self._database, driver_id)
        if driver is None:
            raise NotFound("There is no such driver.")
        return driver

    async def create_driver(self, work: Work, details: DriverDetails, *, organisation_id: str) -> Driver:
        """Register a driver. Raises InvalidInput."""
        details = registration.check_driver(details)
        if details.email is not None and await store.find_driver_by_email(self._database, details.email):
            raise InvalidInput("Another driver has this e-mail address.", field="email")
        return self._add_driver(work, details, organisation_id)

    def _add_driver(self, work: Work, details: DriverDetails, organisation_id: str) -> Driver:
        driver = Driver(
            id=self._ids.new(),
            organisation_id=organisation_id,
            created_at=self._clock.now(),
            **_entered(details, None),
        )
        store.insert_driver(work, driver)
        self._subscribe(work, driver.id, None, driver.plan)
        work.emit(DriverCreated(occurred_at=driver.created_at, driver_id=driver.id))
        return driver

    async def update_driver(self, work: Work, driver_id: str, details: DriverDetails) -> Driver:
        """Replace what is known of a driver. Raises NotFound, InvalidInput."""
        driver = await self.get_driver(driver_id)
        details = registration.check_driver(details)
        if details.email is not None:
            other = await store.find_driver_by_email(self._database, details.email)
            if other is not None and other.id != driver_id:
                raise InvalidInput("Another driver has this e-mail address.", field="email")
        return self._alter_driver(work, driver, details)

    def _alter_driver(self, work: Work, driver: Driver, details: DriverDetails) -> Driver:
        changed = msgspec.structs.replace(driver, **_entered(details, driver.plan))
        if changed != driver:
            store.update_driver(work, driver.id, details)
            self._subscribe(work, driver.id, driver.plan, changed.plan)
            work.emit(DriverChanged(occurred_at=self._clock.now(), driver_id=driver.id))
        return changed

    def _subscribe(self, work: Work, driver_id: str, before: str | None, after: str | None) -> None:
        """Have another plan begin where one ends. Of two who do so at once one has a Conflict at the commit."""
        if before == after:
            return
        now = self._clock.now()
        if before is not None:
            plans.end_plan(work, driver_id, before, now)
        if after is not None:
            plans.begin_plan(work, self._ids.new(), driver_id, after, now)

    async def plan_at(self, driver_id: str, at: datetime) -> str | None:
        """Return what a driver had subscribed to at an instant, by its name: tariffs can be given to it."""
        return await plans.find_plan(self._database, driver_id, at)

    async def put_driver(self, work: Work, details: DriverDetails, *, organisation_id: str) -> Driver:
        """Have the driver of this e-mail address (or, without one, of this name) be as given. Raises InvalidInput."""
        details = registration.check_driver(details)
        if details.email is not None:
            found = await store.find_driver_by_email(self._database, details.email)
        else:
            namesakes = await store.find_drivers_by_name(self._database, details.name)
            if len(namesakes) > 1:
                raise InvalidInput("Several drivers have this name: give an e-mail address.", field="name")
            found = namesakes[0] if namesakes else None
        if found is None:
            return await self.create_driver(work, details, organisation_id=organisation_id)
        email = details.email or found.email
        return await self.update_driver(work, found.id, msgspec.structs.replace(details, email=email))

    async def block_driver(self, work: Work, driver_id: str, *, reason: str = "") -> Driver:
        """Let none of the driver's tokens be accepted. Raises NotFound."""
        return self.set_driver_block(work, await self.get_driver(driver_id), is_blocked=True, reason=reason)

    async def unblock_driver(self, work: Work, driver_id: str) -> Driver:
        """Lift the block of a driver. Raises NotFound."""
        return self.set_driver_block(work, await self.get_driver(driver_id), is_blocked=False)

    def set_driver_block(self, work: Work, driver: Driver, *, is_blocked: bool, reason: str = "") -> Driver:
        """Block a driver who is known, or made in the same unit, or lift the block; one as wanted stays as they are."""
        if (driver.blocked_at is not None) is is_blocked:
            return driver
        now, reason = self._clock.now(), plain(reason, registration.NOTE_MAX) if is_blocked else ""
        at = now if is_blocked else None
        store.set_driver_block(work, driver.id, at, reason)
        work.emit((DriverBlocked if is_blocked else DriverUnblocked)(occurred_at=now, driver_id=driver.id))
        return msgspec.structs.replace(driver, blocked_at=at, block_reason=reason)

    async def delete_driver(self, work: Work, driver_id: str, *, releases: bool = False) -> list[str]:
        """Remove a driver, plans and all, and return which tokens were theirs. Raises NotFound, Conflict if any were.

        With `releases` those tokens are nobody's then. One that is given to them or taken from them at the same
        moment undoes it: Conflict at the commit.
        """
        await self.get_driver(driver_id)
        held = await store.tokens_of_driver(self._database, driver_id)
        if held and not releases:
            raise Conflict("The driver has tokens: give them to another or delete them first.")
        for token_id in held:
            store.release_token(work, token_id, driver_id)
        store.delete_driver(work, driver_id)
        work.emit(DriverDeleted(occurred_at=self._clock.now(), driver_id=driver_id))
        return held

    # Groups

    async def get_group(self, group_id: str) -> TokenGroup:
        """Return the group. Raises NotFound."""
        group = await store.find_group(self._database, group_id)
        if group is None:
            raise NotFound("There is no such group.")
        return group

    async def find_group(self, value: str) -> TokenGroup | None:
        """Return the group that stations know by this value, without regard to case."""
        return await store.find_group_by_value(self._database, value.strip())

    async def create_group(self, work: Work, details: GroupDetails, *, organisation_id: str) -> TokenGroup:
        """Make a group. Raises InvalidInput."""
        details = registration.check_group(details)
        if await self.find_group(details.value):
            raise InvalidInput("Another group has this value.", field="value")
        return self._add_group(work, details, organisation_id)

    def _add_group(self, work: Work, details: GroupDetails, organisation_id: str) -> TokenGroup:
        group = TokenGroup(
            id=self._ids.new(),
            organisation_id=organisation_id,
            created_at=self._clock.now(),
            **msgspec.structs.asdict(details),
        )
        store.insert_group(work, group)
        work.emit(GroupChanged(occurred_at=group.created_at, group_id=group.id))
        return group

    async def update_group(self, work: Work, group_id: str, details: GroupDetails) -> TokenGroup:
        """Replace what is known of a group. Raises NotFound, InvalidInput."""
        group = await self.get_group(group_id)
        details = registration.check_group(details)
        other = await self.find_group(details.value)
        if other is not None and other.id != group_id:
            raise InvalidInput("Another group has this value.", field="value")
        return self._alter_group(work, group, details)

    def _alter_group(self, work: Work, group: TokenGroup, details: GroupDetails) -> TokenGroup:
        changed = msgspec.structs.replace(group, **msgspec.structs.asdict(details))
        if changed != group:
            store.update_group(work, group.id, details)
            work.emit(GroupChanged(occurred_at=self._clock.now(), group_id=group.id))
        return changed

    async def put_group(self, work: Work, details: GroupDetails, *, organisation_id: str) -> TokenGroup:
        """Have the group of this value be as given. Raises InvalidInput."""
        found = await self.find_group(registration.check_group(details).value)
        if found is None:
            return await self.create_group(work, details, organisation_id=organisation_id)
        return await self.update_group(work, found.id, details)

    async def delete_group(self, work: Work, group_id: str) -> None:
        """Remove a group without tokens. Raises NotFound, Conflict."""
        await self.get_group(group_id)
        if await store.count_tokens_of_group(self._database, group_id):
            raise Conflict("The group has tokens: take them out first.")
        store.delete_group(work, group_id)
        work.emit(GroupChanged(occurred_at=self._clock.now(), group_id=group_id))

    # Tokens

    async def get_token(self, token_id: str) -> Token:
        """Return the token. Raises NotFound."""
        token = await store.find_token(self._database, token_id)
        if token is None:
            raise NotFound("There is no such token.")
        return token

    async def find_token(self, value: str, kind: str | None = None) -> Token | None:
        """Return the token of this value and kind (None: of any kind, a card before others), without regard to case."""
        facts = await self.find_facts(plain_token(PresentedToken(value=value, kind=kind)))
        return facts.token if facts else None

    async def create_token(self, work: Work, details: TokenDetails, *, organisation_id: str) -> Token:
        """Register a token. Raises InvalidInput."""
        details = registration.check_token(details)
        if await store.find_token_by_value(self._database, details.value, details.kind):
            raise InvalidInput("This token is registered already.", field="value")
        await self._check_owners(details)
        return self._add_token(work, details, organisation_id)

    def _add_token(self, work: Work, details: TokenDetails, organisation_id: str) -> Token:
        token = Token(
            id=self._ids.new(),
            organisation_id=organisation_id,
            created_at=self._clock.now(),
            **msgspec.structs.asdict(details),
        )
        store.insert_token(work, token)
        work.emit(TokenCreated(occurred_at=token.created_at, token_id=token.id))
        return token

    async def update_token(self, work: Work, token_id: str, details: TokenDetails) -> Token:
        """Replace what is known of a token; its block stays. Raises NotFound, InvalidInput."""
        token = await self.get_token(token_id)
        details = registration.check_token(details)
        other = await store.find_token_by_value(self._database, details.value, details.kind)
        if other is not None and other.id != token_id:
            raise InvalidInput("Another token has this value and kind.", field="value")
        await self._check_owners(details)
        return self._alter_token(work, token, details)

    def _alter_token(self, work: Work, token: Token, details: TokenDetails) -> Token:
        changed = msgspec.structs.replace(token, **msgspec.structs.asdict(details))
        if changed != token:
            store.update_token(work, token.id, details)
            work.emit(TokenChanged(occurred_at=self._clock.now(), token_id=token.id))
        return changed

    async def put_token(self, work: Work, details: TokenDetails, *, organisation_id: str) -> Token:
        """Have the token of this value and kind be as given. Raises InvalidInput."""
        details = registration.check_token(details)
        found = await store.find_token_by_value(self._database, details.value, details.kind)
        if found is None:
            return await self.create_token(work, details, organisation_id=organisation_id)
        return await self.update_token(work, found.id, details)

    async def block_token(self, work: Work, token_id: str, *, reason: str = "") -> Token:
        """Have the token never be accepted again. Raises NotFound."""
        return self.set_token_block(work, await self.get_token(token_id), is_blocked=True, reason=reason)

    async def unblock_token(self, work: Work, token_id: str) -> Token:
        """Lift the block of a token. Raises NotFound."""
        return self.set_token_block(work, await self.get_token(token_id), is_blocked=False)

    def set_token_block(self, work: Work, token: Token, *, is_blocked: bool, reason: str = "") -> Token:
        """Block a token that is known, or made in the same unit, or lift the block; one as wanted stays as it is."""
        if (token.blocked_at is not None) is is_blocked:
            return token
        now, reason = self._clock.now(), plain(reason, registration.NOTE_MAX) if is_blocked else ""
        at = now if is_blocked else None
        store.set_token_block(work, token.id, at, reason)
        if is_blocked:
            work.emit(TokenBlocked(occurred_at=now, token_id=token.id, reason=reason))
        else:
            work.emit(TokenUnblocked(occurred_at=now, token_id=token.id))
        return msgspec.structs.replace(token, blocked_at=at, block_reason=reason)

    async def delete_token(self, work: Work, token_id: str) -> None:
        """Remove a token that was never used. Raises NotFound, and Conflict if it was: block it instead."""
        token = await self.get_token(token_id)
        is_open = await self._open_transactions.count_open(token_id, excluding=(), since=LONG_AGO)
        if token.last_used_at is not None or is_open:
            raise Conflict("The token was used: block it instead.")
        store.delete_token(work, token_id)
        work.emit(TokenDeleted(occurred_at=self._clock.now(), token_id=token_id))

    async def _check_owners(self, details: TokenDetails) -> None:
        if details.group_id is not None and await store.find_group(self._database, details.group_id) is None:
            raise InvalidInput("There is no such group.", field="group_id")
        if details.driver_id is not None and await store.find_driver(self._database, details.driver_id) is None:
            raise InvalidInput("There is no such driver.", field="driver_id")


def _entered(details: DriverDetails, plan: str | None) -> dict[str, Any]:
    """Return what is entered about a driver, with the plan that stays if none is named."""
    given: dict[str, Any] = msgspec.structs.asdict(details)
    return given | {"plan": plan} if details.plan is UNSET else given


def plain_token(token: PresentedToken | None) -> PresentedToken | None:
    """Return a token as it may be kept: bounded, and of characters that can be stored."""
    if token is None:
        return None
    return PresentedToken(
        value=plain(token.value, registration.VALUE_MAX), kind=plain_or_none(token.kind, registration.KIND_MAX)
    )
