"""Certificates that were renewed are used without a restart: looked at each minute, and at SIGHUP."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import structlog

from ingufu.core.errors import SettingsError
from ingufu.gateway.websocket import Endpoint, ServerTls

LOOK_EVERY_S = 60.0

log = structlog.get_logger(__name__)

_Mark = tuple[tuple[str, int, int, int], ...]  # path, inode, size and time of change of each file


class Renewal:
    """Watches the files of all TLS listeners of this process. A pair that cannot be used changes nothing."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._listeners = [(endpoint.name, endpoint.tls) for endpoint in endpoints if endpoint.tls is not None]
        self._marks = {name: _mark(tls.files) for name, tls in self._listeners}
        self._refused: dict[str, str] = {}  # by listener: why its files cannot be used

    async def watch(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look at the files from time to time, until cancelled."""
        while self._listeners:
            await asyncio.sleep(every_s)
            self.look()

    def look(self) -> None:
        """Use what has changed since the last look."""
        for name, tls in self._listeners:
            mark = _mark(tls.files)
            if mark != self._marks[name]:
                self._marks[name] = mark
                self._renew(name, tls, "the files changed")

    def renew(self) -> None:
        """Use all files as they are now, changed or not."""
        for name, tls in self._listeners:
            self._marks[name] = _mark(tls.files)
            self._renew(name, tls, "SIGHUP")

    def _renew(self, name: str, tls: ServerTls, why: str) -> None:
        try:
            tls.reload()
        except SettingsError as error:
            if self._refused.get(name) != error.message:
                log.error("tls.not_renewed", listener=name, why=why, error=error.message)  # noqa: TRY400 - no bug
            self._refused[name] = error.message
        else:
            self._refused.pop(name, None)
            log.info("tls.renewed", listener=name, why=why)


def _mark(files: Iterable[Path]) -> _Mark:
    found: list[tuple[str, int, int, int]] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append((str(file), 0, 0, 0))
        else:
            found.append((str(file), status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)
