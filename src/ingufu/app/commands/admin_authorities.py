"""`ingufu admin authority`."""

from typing import Any

import click

from ingufu.app.administration import Administration
from ingufu.app.commands import desk
from ingufu.certificates.model import Authority, Purpose
from ingufu.core.errors import NotFound


@click.group()
def authority() -> None:
    """Authorities whose contract certificates are trusted (Plug & Charge)."""


@authority.command(name="import")
@click.argument("file", type=click.File(encoding="ascii", errors="replace"))
@click.option(
    "--purpose",
    type=click.Choice([one.value for one in Purpose]),
    default=Purpose.CONTRACT.value,
    show_default=True,
    help="contract: issues contracts (MO root); v2g: stations and vehicles.",
)
@click.option("--note", default="", help="What people should know about it.")
@desk.options
def import_authorities(file: Any, purpose: str, note: str, *, as_json: bool, **given: Any) -> None:
    """Trust the authorities of a PEM file, `-` for standard input.

    Those that are known already stay as they are.
    """
    pem = file.read(1_000_000)

    async def add(admin: Administration) -> list[Authority]:
        async with admin.work() as work:
            entered = await admin.services.authorities.add(work, pem, Purpose(purpose), note=note)
            for one in entered:
                admin.note(work, "authority.add", one.id, after=one)
        return entered

    entered = desk.at_desk(given, add)
    desk.show_list(entered, _COLUMNS, as_json=as_json)


@authority.command(name="list")
@desk.options
def list_authorities(*, as_json: bool, **given: Any) -> None:
    """List the trusted authorities."""
    desk.show_list(desk.at_desk(given, lambda admin: admin.services.authorities.all()), _COLUMNS, as_json=as_json)


@authority.command(name="remove")
@click.argument("fingerprint")
@desk.options
def remove_authority(fingerprint: str, *, as_json: bool, **given: Any) -> None:
    """Trust an authority no longer, named by its SHA-256 fingerprint or its beginning."""

    async def remove(admin: Administration) -> Authority:
        wanted = fingerprint.replace(":", "").casefold()
        found = [one for one in await admin.services.authorities.all() if one.fingerprint.startswith(wanted)]
        if len(found) != 1 or not wanted:
            raise NotFound("No authority has this fingerprint, or several have.")
        async with admin.work() as work:
            await admin.services.authorities.remove(work, found[0].id)
            admin.note(work, "authority.remove", found[0].id, before=found[0])
        return found[0]

    removed = desk.at_desk(given, remove)
    desk.show(removed, f"{removed.name} is trusted no longer.", as_json=as_json)


_COLUMNS = {
    "NAME": lambda one: one.name,
    "KIND": lambda one: "anchor" if one.is_root else "on the way",
    "PURPOSE": lambda one: one.purpose.value,
    "EXPIRES": lambda one: one.expires_at.strftime("%Y-%m-%d"),
    "SHA-256": lambda one: one.fingerprint,
}
