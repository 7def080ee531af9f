"""`ingufu admin key`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from ingufu.accounts.model import ApiKey, Scope
from ingufu.app.administration import Administration
from ingufu.app.commands import desk
from ingufu.core.errors import Conflict, NotFound


@click.group()
def key() -> None:
    """API keys for programs."""


@key.command(name="add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may; may be given several times. Default: what a viewer reads.",
)
@click.option("--site", "sites", multiple=True, metavar="NAME", help="Only this site; may be given several times.")
@click.option("--organisation", metavar="NAME", help="A host or fleet whose it is. Default: the operator.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is good. Default: until it is revoked.")
@desk.options
def add_key(
    name: str,
    scopes: tuple[str, ...],
    sites: tuple[str, ...],
    organisation: str | None,
    days: int | None,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    """Make a key and show it once."""
    chosen = [Scope(scope) for scope in scopes]

    async def add(admin: Administration) -> tuple[ApiKey, str]:
        expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
        organisation_id = await admin.organisation(organisation)
        granted = chosen or await admin.readable(organisation_id)
        site_ids = [(await admin.site(site)).id for site in sites] or None
        async with admin.work() as work:
            added, secret = await admin.services.accounts.create_key(
                work,
                organisation_id=organisation_id,
                name=name,
                scopes=granted,
                expires_at=expires_at,
                site_ids=site_ids,
            )
            admin.note(work, "key.create", added.id, after=added)
        return added, secret

    added, secret = desk.at_desk(given, add)
    desk.show(added, f"Key {added.name}, shown only now: {secret}", as_json=as_json, secret=secret)


@key.command(name="list")
@desk.options
def list_keys(*, as_json: bool, **given: Any) -> None:
    """List the keys, also those that are good no longer."""
    keys = desk.at_desk(given, lambda admin: admin.services.accounts.keys())
    columns = {
        "PREFIX": lambda one: one.prefix,
        "NAME": lambda one: one.name,
        "SCOPES": lambda one: " ".join(one.scopes),
        "EXPIRES": lambda one: one.expires_at,
        "REVOKED": lambda one: one.revoked_at,
        "LAST USED": lambda one: one.last_used_at,
    }
    desk.show_list(keys, columns, as_json=as_json)


@key.command(name="revoke")
@click.argument("key", metavar="PREFIX|ID")
@desk.options
def revoke_key(key: str, *, as_json: bool, **given: Any) -> None:
    """Let a key be good no longer: in a running server within seconds."""

    async def revoke(admin: Administration) -> ApiKey:
        found = await _find(admin, key)
        async with admin.work() as work:
            await admin.services.accounts.revoke_key(work, found.id)
            after = msgspec.structs.replace(found, revoked_at=found.revoked_at or admin.services.clock.now())
            admin.note(work, "key.revoke", found.id, {"name": found.name}, before=found, after=after)
        return await admin.services.accounts.key(found.id)

    found = desk.at_desk(given, revoke)
    desk.show(found, f"Key {found.name} ({found.prefix}) is revoked.", as_json=as_json)


async def _find(admin: Administration, text: str) -> ApiKey:
    found = [one for one in await admin.services.accounts.keys() if text in {one.prefix, one.id}]
    if not found:
        raise NotFound(f"There is no key {text}; `ingufu admin key list` shows them.")
    if len(found) > 1:
        raise Conflict(f"Several keys begin with {text}: name one by its id.")
    return found[0]
