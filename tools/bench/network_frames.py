"""Of a large network: the messages of its last days, as the gateway keeps them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bench.copying import Copier
from ingufu.infra.storage.columns import instant_to_integer
from ingufu.stations.frames import packed

HOURS = 48
CHUNKS = 12  # of a quiet station
BUSY_STATIONS = 20
LEAST_CHUNKS = 120  # of a busy station; in a large network a fifth of the number of stations
EXCHANGES = 12  # in a chunk


def add_frames(copier: Copier, until: datetime) -> None:
    """Add chunks in the order of their time: a few of every station, very many of some."""
    stations = [station for (station,) in copier.rows("SELECT id FROM stations ORDER BY rowid")]
    columns = "station_id, connection_id, first_at, last_at, count, frames"
    copier.add(f"INSERT INTO frame_chunks ({columns}) VALUES (?, ?, ?, ?, ?, ?)", _chunks(stations, until))  # noqa: S608


def _chunks(stations: list[str], until: datetime) -> Iterator[tuple[object, ...]]:
    steps = max(LEAST_CHUNKS, len(stations) // 5)
    every = timedelta(hours=HOURS) / steps
    rate = steps // CHUNKS
    for step in range(steps):
        at = until - timedelta(hours=HOURS) + every * step
        chunk = packed("s", "c", _frames(at, step))
        row = (instant_to_integer(chunk.first_at), instant_to_integer(chunk.last_at), chunk.count, chunk.frames)
        busy = stations[:BUSY_STATIONS]
        for station in (*busy, *stations[BUSY_STATIONS + step % rate :: rate]):
            yield (station, f"connection-{station}", *row)


def _frames(at: datetime, step: int) -> list[tuple[datetime, bool, int, bytes]]:
    frames: list[tuple[datetime, bool, int, bytes]] = []
    for number in range(EXCHANGES):
        moment = at + timedelta(seconds=number * 5)
        asked = f'[2,"{step}-{number}","Heartbeat",{{}}]'.encode()
        told = f'[3,"{step}-{number}",{{"currentTime":"{moment:%Y-%m-%dT%H:%M:%SZ}"}}]'.encode()
        frames += [(moment, True, len(asked), asked), (moment, False, len(told), told)]
    return frames
