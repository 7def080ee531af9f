"""`ingufu admin token`, `group` and `driver`."""

from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from ingufu.app.administration import Administration
from ingufu.app.commands import desk
from ingufu.authorization.decide import shown
from ingufu.authorization.model import Driver, DriverDetails, GroupDetails, Token, TokenDetails, TokenGroup, TokenKind
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.views.paging import MAX_LIMIT
from ingufu.views.tokens import TokenQuery, TokenRow, list_tokens

INSTANT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"])


@click.group()
def token() -> None:
    """Id tokens: the cards and codes with which drivers identify themselves."""


@token.command(name="add")
@click.argument("value")
@click.option("--kind", default=TokenKind.ISO14443.value, show_default=True, help="As OCPP 2.x names it.")
@click.option("--group", metavar="VALUE", help="Group it belongs to.")
@click.option("--driver", metavar="E-MAIL|NAME", help="Whose it is.")
@click.option("--valid-from", type=INSTANT, help="As in 2026-03-01 (UTC) or 2026-03-01T08:00+02:00.")
@click.option("--expires", type=INSTANT, help="As in 2027-01-01 (UTC).")
@click.option("--concurrent", type=click.IntRange(0), default=1, show_default=True, help="Sessions at once; 0: no end.")
@click.option("--note", default="")
@desk.options
def add_token(value: str, *, as_json: bool, **given: Any) -> None:
    """Register a token."""
    entered = {name: given.pop(name) for name in ("kind", "note")}
    group, driver, concurrent = given.pop("group"), given.pop("driver"), given.pop("concurrent")
    valid_from, expires_at = _aware(given.pop("valid_from")), _aware(given.pop("expires"))

    async def add(admin: Administration) -> Token:
        details = TokenDetails(
            value=value,
            group_id=(await _group(admin, group)).id if group else None,
            driver_id=(await admin.driver(driver)).id if driver else None,
            concurrent_limit=concurrent or None,
            valid_from=valid_from,
            expires_at=expires_at,
            **entered,
        )
        async with admin.work() as work:
            added = await admin.services.authorization.create_token(
                work, details, organisation_id=admin.organisation_id
            )
            admin.note(work, "token.create", added.id, after=shown(added))
        return added

    added = desk.at_desk(given, add)
    desk.show(added, f"Token {added.value} ({added.kind}) is registered.", as_json=as_json)


@token.command(name="list")
@desk.options
def list_all(*, as_json: bool, **given: Any) -> None:
    """List the tokens."""
    tokens = desk.at_desk(given, _all_tokens)
    columns = {
        "VALUE": lambda one: one.value,
        "KIND": lambda one: one.kind,
        "GROUP": lambda one: one.group_name,
        "DRIVER": lambda one: one.driver_name,
        "EXPIRES": lambda one: one.expires_at,
        "BLOCKED": lambda one: one.blocked_at,
        "LAST USED": lambda one: one.last_used_at,
    }
    desk.show_list(tokens, columns, as_json=as_json)


@token.command(name="block")
@click.argument("value")
@click.option("--kind", help="Where several tokens have the value.")
@click.option("--reason", default="")
@desk.options
def block_token(value: str, kind: str | None, reason: str, *, as_json: bool, **given: Any) -> None:
    """Have a token be accepted nowhere."""

    async def block(admin: Administration) -> Token:
        found = await _token(admin, value, kind)
        async with admin.work() as work:
            changed = await admin.services.authorization.block_token(work, found.id, reason=reason)
            admin.note(work, "token.block", found.id, before=shown(found), after=shown(changed))
        return changed

    changed = desk.at_desk(given, block)
    desk.show(changed, f"Token {changed.value} ({changed.kind}) is blocked.", as_json=as_json)


@token.command(name="unblock")
@click.argument("value")
@click.option("--kind", help="Where several tokens have the value.")
@desk.options
def unblock_token(value: str, kind: str | None, *, as_json: bool, **given: Any) -> None:
    """Lift the block of a token."""

    async def unblock(admin: Administration) -> Token:
        found = await _token(admin, value, kind)
        async with admin.work() as work:
            changed = await admin.services.authorization.unblock_token(work, found.id)
            admin.note(work, "token.unblock", found.id, before=shown(found), after=shown(changed))
        return changed

    changed = desk.at_desk(given, unblock)
    desk.show(changed, f"Token {changed.value} ({changed.kind}) is no longer blocked.", as_json=as_json)


@click.group()
def group() -> None:
    """Groups of tokens, whose members may stop each other's sessions."""


@group.command(name="add")
@click.argument("value")
@click.option("--name", default="", help="Default: the value.")
@click.option("--master-pass", is_flag=True, help="Its members may stop any session, and start none.")
@desk.options
def add_group(value: str, name: str, *, master_pass: bool, as_json: bool, **given: Any) -> None:
    """Make a group; VALUE is what stations know it by."""

    async def add(admin: Administration) -> TokenGroup:
        details = GroupDetails(value=value, name=name, is_master_pass=master_pass)
        async with admin.work() as work:
            added = await admin.services.authorization.create_group(
                work, details, organisation_id=admin.organisation_id
            )
            admin.note(work, "group.create", added.id, after=added)
        return added

    added = desk.at_desk(given, add)
    desk.show(added, f"Group {added.value} is made.", as_json=as_json)


@click.group()
def driver() -> None:
    """People who charge."""


@driver.command(name="add")
@click.argument("name")
@click.option("--email")
@click.option("--phone")
@click.option("--language", default="en", show_default=True)
@click.option("--note", default="")
@click.option("--plan", help="What they have subscribed to: tariffs can be given to it.")
@desk.options
def add_driver(*, as_json: bool, **given: Any) -> None:
    """Register a driver."""
    details = DriverDetails(**{name: given.pop(name) for name in msgspec.structs.asdict(DriverDetails(name=""))})

    async def add(admin: Administration) -> Driver:
        async with admin.work() as work:
            added = await admin.services.authorization.create_driver(
                work, details, organisation_id=admin.organisation_id
            )
            admin.note(work, "driver.create", added.id, after=added)
        return added

    added = desk.at_desk(given, add)
    desk.show(added, f"Driver {added.name} is registered.", as_json=as_json)


async def _token(admin: Administration, value: str, kind: str | None) -> Token:
    found = await admin.services.authorization.find_token(value, kind)
    if found is None:
        raise NotFound(f"There is no token {value}.")
    return found


async def _group(admin: Administration, value: str) -> TokenGroup:
    found = await admin.services.authorization.find_group(value)
    if found is None:
        raise InvalidInput(f"There is no group {value}.", field="group")
    return found


async def _all_tokens(admin: Administration) -> list[TokenRow]:
    rows: list[TokenRow] = []
    cursor: str | None = None
    while True:
        page = await list_tokens(admin.services.database, TokenQuery(limit=MAX_LIMIT, cursor=cursor))
        rows.extend(page.items)
        cursor = page.next
        if cursor is None:
            return rows


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
