"""`ingufu admin audit`."""

from datetime import datetime
from typing import Any

import click

from ingufu.accounts.chain import Head, Verification
from ingufu.app.administration import Administration
from ingufu.app.commands import desk, running
from ingufu.app.outcomes import FAILED
from ingufu.core.errors import Conflict, InvalidInput

_ANCHOR_DIGITS = 18  # of a number that 64 bits hold for sure
_SEAL_LETTERS = 64


@click.group()
def audit() -> None:
    """The audit trail: is it whole?"""


@audit.command()
@click.option("--anchor", metavar="NUMBER:SEAL", help="A head that was written down elsewhere: is it still there?")
@desk.options
def verify(anchor: str | None, *, as_json: bool, **given: Any) -> None:
    """Check every entry. Ends with 1 if the trail is broken, and names where."""
    found: Verification = desk.at_desk(
        given, lambda admin: admin.services.accounts.verify_audit(_anchor(anchor), pause=0.0)
    )
    if found.is_whole:
        upto = f"entry {found.head_number}" + (f", sealed {_time(found.sealed_at)}" if found.sealed_at else "")
        told = f"The audit trail is whole up to {upto}; {found.entries} looked at."
        desk.show(found, f"{told}\nHead: {found.head_number}:{found.head_seal}", as_json=as_json)
        return
    if as_json:
        running.show_json(desk.plain(found))
    told = "\n".join(f"  {flaw.what}" for flaw in found.flaws)
    running.fail(f"The audit trail is broken:\n{told}", FAILED)


@audit.command()
@desk.options
def head(*, as_json: bool, **given: Any) -> None:
    """Show the head of the chain, to be written down elsewhere and compared later."""

    async def read(admin: Administration) -> Head:
        await admin.services.accounts.seal_audit()
        found = await admin.services.accounts.audit_head()
        if found is None:
            raise Conflict("Nothing is in the audit trail yet.")
        return found

    found = desk.at_desk(given, read)
    desk.show(found, f"{found.head_number}:{found.head_seal}", as_json=as_json)


@audit.command(name="begin-anew")
@click.option("--reason", required=True, help="Why: it stays in the trail.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@desk.options
def begin_anew(reason: str, *, yes: bool, as_json: bool, **given: Any) -> None:
    """Check the trail only from here on: after a restored backup, or once a break is explained."""
    if not yes:
        click.confirm("What is wrong before this will not be told any more. Begin anew?", abort=True, err=True)

    async def begin(admin: Administration) -> Head:
        async with admin.work() as work:
            return await admin.services.accounts.begin_audit_anew(work, admin.principal, reason)

    begun = desk.at_desk(given, begin)
    desk.show(begun, f"The audit trail is checked from entry {begun.head_number + 1} on.", as_json=as_json)


def _anchor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, _, seal = text.strip().partition(":")
    is_sane = number.isascii() and number.isdigit() and len(number) <= _ANCHOR_DIGITS and len(seal) == _SEAL_LETTERS
    if not is_sane:
        raise InvalidInput(
            "An anchor is a number, a colon and a seal of 64 digits, as `ingufu admin audit head` shows."
        )
    return int(number), seal


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
