"""`ingufu serve`."""

from typing import Any

import click

from ingufu.app import serve as server
from ingufu.app.commands import running


@click.command()
@running.setting_options("http.listen", "ocpp.listen")
def serve(**given: Any) -> None:
    """Serve stations, console and API: everything, in one command.

    Ends gently at SIGTERM or Ctrl-C: stations are told, requests in hand are answered.
    """
    settings = running.read_settings(given)
    running.long_lived()
    running.run(lambda: server.serve(settings, running.say))
