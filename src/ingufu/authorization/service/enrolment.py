"""Many drivers, groups and tokens at once: what is there is read in one go, and each is put beside it."""

from collections.abc import Iterable

from ingufu.authorization import registration
from ingufu.authorization.model import (
    Driver,
    DriverDetails,
    GroupDetails,
    Token,
    TokenDetails,
    TokenGroup,
    token_key,
)
from ingufu.authorization.service.register import Register
from ingufu.authorization.store import many
from ingufu.core.errors import InvalidInput
from ingufu.infra.storage.database import Work

_ELSEWHERE = "It is registered already, by another organisation."


class Enrolment(Register):
    """Puts what is entered beside what is known, without reading anew for each.

    What changed since it was read, or is made by two at once, is found by unique keys and expected rows: Conflict at
    the commit. `organisation_id` of the one that is known tells whose it is: `owner_id` None may change everybody's.
    """

    async def find_tokens(self, named: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Token]:
        """Return the tokens of these values and kinds, by key (`model.token_key`) and kind."""
        wanted = {(token_key(value, kind), kind) for value, kind in named}
        found = await many.tokens_by_keys(self._database, {key for key, _ in wanted})
        by_key = {(token_key(token.value, token.kind), token.kind): token for token in found}
        return {key: token for key, token in by_key.items() if key in wanted}

    async def find_tokens_by_ids(self, ids: Iterable[str]) -> dict[str, Token]:
        """Return the tokens of these ids, by id."""
        return {token.id: token for token in await many.tokens_by_ids(self._database, set(ids))}

    async def find_groups(self, values: Iterable[str]) -> dict[str, TokenGroup]:
        """Return the groups of these values, by value folded."""
        found = await many.groups_by_values(self._database, {value.strip().casefold() for value in values})
        return {group.value.casefold(): group for group in found}

    async def find_drivers(self, names: Iterable[str]) -> dict[str, list[Driver]]:
        """Return the drivers of these addresses or names, by both, folded. Several may have one name."""
        by_name: dict[str, list[Driver]] = {}
        for driver in await many.drivers_by_names(self._database, {name.strip().casefold() for name in names}):
            for name in {(driver.email or driver.name).casefold(), driver.name.casefold()}:
                by_name.setdefault(name, []).append(driver)
        return by_name

    def enrol_driver(
        self, work: Work, details: DriverDetails, known: Driver | None, *, organisation_id: str, owner_id: str | None
    ) -> Driver:
        """Have a driver be as given, new if none is known. Raises InvalidInput."""
        details = registration.check_driver(details)
        _check_owner(known, owner_id, "email")
        if known is None:
            return self._add_driver(work, details, organisation_id)
        return self._alter_driver(work, known, details)

    def enrol_group(
        self, work: Work, details: GroupDetails, known: TokenGroup | None, *, organisation_id: str, owner_id: str | None
    ) -> TokenGroup:
        """Have a group be as given, new if none is known. Raises InvalidInput."""
        details = registration.check_group(details)
        _check_owner(known, owner_id, "value")
        if known is None:
            return self._add_group(work, details, organisation_id)
        return self._alter_group(work, known, details)

    def enrol_token(
        self, work: Work, details: TokenDetails, known: Token | None, *, organisation_id: str, owner_id: str | None
    ) -> Token:
        """Have a token be as given, new if none is known; its group and driver must exist. Raises InvalidInput."""
        details = registration.check_token(details)
        _check_owner(known, owner_id, "value")
        if known is None:
            return self._add_token(work, details, organisation_id)
        return self._alter_token(work, known, details)


def _check_owner(known: Driver | TokenGroup | Token | None, owner_id: str | None, field: str) -> None:
    if known is not None and owner_id is not None and known.organisation_id != owner_id:
        raise InvalidInput(_ELSEWHERE, field=field)
