"""A group of commands whose modules are imported when one of them is asked for."""

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Knows where its commands are: by name, "module:attribute" within a package."""

    def __init__(self, *, package: str, commands: Mapping[str, str], **options: Any) -> None:  # click's own options
        super().__init__(**options)
        self._package = package
        self._places = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which they are explained."""
        del ctx
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now; None if there is none of this name."""
        del ctx
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        gc.disable()  # what is imported stays: to look at it again and again would take a third of the time
        try:
            command: click.Command = getattr(import_module(f"{self._package}.{module}"), attribute)
        finally:
            gc.freeze()
            gc.enable()
        return command
