"""What the admin commands share: options, the desk they work at, secrets that are never arguments, tables, JSON."""

import secrets
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import click
import msgspec

from ingufu.app.administration import Administration, administration
from ingufu.app.commands import running
from ingufu.app.outcomes import WRONG_USE
from ingufu.infra.redaction import HIDDEN

PASSWORD_BYTES = 12  # of a generated password of a person

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., None])
Do = Callable[[Administration], Coroutine[Any, Any, T]]


def options(command: Command) -> Command:
    """Add what every admin command takes: where the data is, and --json."""
    shown = click.option("--json", "as_json", is_flag=True, help="Write JSON, for scripts.")
    return running.setting_options()(shown(command))


def password_options(command: Command) -> Command:
    """Add the ways in which a password comes: never as an argument, which every process of the machine could read."""
    for option in (
        click.option("--generate", is_flag=True, help="Make a password, and show it once."),
        click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
    ):
        command = option(command)
    return command


def given_password(given: dict[str, Any], make: Callable[[], str]) -> tuple[str, bool]:
    """Return the password, and whether it was made here: it is asked for on a terminal, and made without one."""
    is_piped, is_made = given.pop("password_stdin"), given.pop("generate")
    if is_piped:
        text = sys.stdin.readline().rstrip("\r\n")
        if not text:
            running.fail("There is no password on standard input.", WRONG_USE)
        return text, False
    if is_made or not sys.stdin.isatty():
        return make(), True
    return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True), False


def make_password() -> str:
    """Return a password for a person."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def at_desk(given: dict[str, Any], do: Do[T]) -> T:
    """Read the settings, and run `do` on the data they name."""
    settings = running.read_settings(given)

    async def main() -> T:
        async with administration(settings) as desk:
            return await do(desk)

    return running.run(main)


def show(value: Any, sentence: str, *, as_json: bool, **extra: Any) -> None:  # any record of the domain
    """Tell what was done, in a sentence or as JSON of the record, with `extra` such as a secret shown once."""
    if as_json:
        running.show_json({**plain(value), **extra})
    else:
        running.say(sentence)


def show_list(rows: Sequence[Any], columns: dict[str, Callable[[Any], Any]], *, as_json: bool) -> None:  # any records
    """Write the records as a table, or all there is of them as JSON."""
    if as_json:
        running.show_json([plain(row) for row in rows])
        return
    table = [list(columns), *([_cell(read(row)) for read in columns.values()] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for cells in table:
        running.say("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def plain(value: Any) -> dict[str, Any]:  # any record of the domain
    """Return the record for JSON, without the hashes of its passwords."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return {name: HIDDEN if "password" in name and text else text for name, text in found.items()}


def _cell(value: Any) -> str:  # anything in a table
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else str(value)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
