"""`ingufu admin import`."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from ingufu.app.administration import Administration
from ingufu.app.commands import desk, running
from ingufu.app.outcomes import FAILED
from ingufu.importing.model import Kind, Report
from ingufu.importing.reading import read_file
from ingufu.importing.writing import carry_out


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="What a CSV file holds.")
@click.option("--keep-good", is_flag=True, help="Import the good rows though others are wrong.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@desk.options
def import_file(file: Path, kind: str | None, *, keep_good: bool, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Have things be as a file says: CSV with --kind, or JSON with all kinds.

    A second run changes nothing. All rows are judged first; if one is wrong, none is imported. Lists that were exported
    are taken as they are.
    """
    if kind is None and file.suffix.casefold() != ".json":
        raise click.UsageError("A CSV file needs --kind, which says what its rows are.")
    rows, errors, not_read = read_file(file, None if kind is None else Kind(kind))

    async def carry(admin: Administration) -> Report:
        done = await carry_out(admin, rows, errors, keeps_good=keep_good, is_trial=dry_run)
        return msgspec.structs.replace(done, not_read=not_read)

    report = desk.at_desk(given, carry)
    if as_json:
        running.show_json(report)
    else:
        _show(report, is_trial=dry_run)
    if report.errors:
        sys.exit(FAILED)


def _show(report: Report, *, is_trial: bool) -> None:
    if report.not_read:
        click.echo(f"Columns that only an export has are not read: {', '.join(report.not_read)}.", err=True)
    for error in report.errors:
        click.echo(str(error), err=True)
    if not report.is_written and not is_trial:
        click.echo("Nothing was imported. Correct the file, or import the good rows with --keep-good.", err=True)
        return
    would = "would be " if is_trial else ""
    for kind, counts in report.kinds.items():
        running.say(f"{kind}: {counts.new} {would}new, {counts.changed} {would}changed, {counts.same} as they were.")
    if report.errors:
        left_out = len({(error.file, error.line) for error in report.errors})
        running.say(f"{left_out} {would}left out.")
