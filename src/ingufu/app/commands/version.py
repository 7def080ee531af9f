"""`ingufu version`."""

from importlib.metadata import version

import click


@click.command(name="version")
def show_version() -> None:
    """Print the version."""
    click.echo(version("ingufu"))
