"""How long each page takes on a large network, over HTTP from `ingufu serve` itself, and what its first load weighs."""

import asyncio
import contextlib
import http.client
import math
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import msgspec

from bench import large_network, page_samples, serving
from bench.copying import Copier
from bench.large_network import DATABASE, Size
from bench.network_places import bring_online
from bench.page_samples import Asked
from bench.processes import Target, await_pages, disk_folder

REPEATS = 40
SLOW_S = 1.0  # what takes longer is asked for less often
FEWER = 4
DEEP = 12  # pages that are turned to reach the deep one
TIMEOUT_S = 120.0
GATHERED_S = 1800.0
STARTED_S = 20.0  # after which people may come to a server that has started
NOTICED_S = 0.2  # after which a server has noticed that nobody reads its stream any more
LIMIT_MS, LIMIT_KB = 100.0, 300.0
APART = re.compile(r"echarts|leaflet|charts\.|map\.|outlines")  # map and charts come after the page
STREAM = "text/event-stream"
REFUSED, SERVER_ERROR = 400, 500
ADMINISTRATOR, SITE_HOST = "administrator", "site host"
CHUNK = 65_536


class PageTime(msgspec.Struct, frozen=True, kw_only=True):
    """What one address took for one reader; milliseconds until the whole answer has come."""

    route: str
    variant: str  # what is asked for beyond the address
    reader: str
    is_page: bool
    status: int
    cold_ms: float  # the first time after the server has started
    p50_ms: float
    p95_ms: float
    over: int  # of the answers took longer than LIMIT_MS
    asked: int
    html_kb: float
    load_kb: float = 0.0  # with its styles and scripts, as browsers get them; no map, no charts
    is_export: bool = False  # as long as its list is: what counts is when it begins


class PageTimes(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, and the network on which they were measured."""

    rows: dict[str, int]
    megabytes: int
    made_s: float
    repeats: int
    times: tuple[PageTime, ...]
    wal_mb: float  # the longest that the log of the database became meanwhile
    absent: dict[str, str]


def measure(size: Size, *, repeats: int = REPEATS, folder: Path | None = None, only: str = "") -> PageTimes:
    """Make the network, or take the one that lies in `folder` since an earlier run, and time every page on it."""
    unknown = page_samples.unknown_parameters()
    if unknown:
        raise SystemExit(f"Name in tools/bench/page_samples.py what these stand for: {unknown}")
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingufu-bench-", dir=disk_folder())))
        made = large_network.kept(folder) or asyncio.run(large_network.make(folder, size))
        _await_figures(folder)
        links = asyncio.run(large_network.make_links(folder, made))
        times: list[PageTime] = []
        longest = 0.0
        for reader, cookie in ((ADMINISTRATOR, made.admin_cookie), (SITE_HOST, made.host_cookie)):
            given = links if reader == ADMINISTRATOR else {**links, **page_samples.OF_HOST}
            asked = [*page_samples.pages(folder / DATABASE, given), *page_samples.lists(folder / DATABASE, given)]
            with serving.serving(str(folder), pin=False) as target:
                await_pages(target.http_port)
                _put_online(folder / DATABASE)
                time.sleep(STARTED_S)
                times += Timer(target, reader, cookie, repeats).time_all([one for one in asked if only in one.address])
                longest = max(longest, _wal_mb(folder))
    return PageTimes(
        rows=made.rows,
        megabytes=made.megabytes,
        made_s=made.seconds,
        repeats=repeats,
        times=tuple(times),
        wal_mb=longest,
        absent=dict(page_samples.ABSENT),
    )


class Timer:
    """Asks one server for one reader."""

    def __init__(self, target: Target, reader: str, cookie: str, repeats: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", target.http_port, timeout=TIMEOUT_S)
        self._headers = {"Cookie": f"ingufu_session={cookie}", "Accept-Encoding": "gzip", "Connection": "keep-alive"}
        self._reader, self._repeats = reader, repeats
        self._weights: dict[str, float] = {}

    def time_all(self, asked: Sequence[Asked]) -> Iterator[PageTime]:
        """Return how long each takes; first of all, each is asked for once: what it takes on a cold server.

        Ends the program if one answers with an error: what is asked for, or the page, is wrong.
        """
        colds = [(one, self._ask(one.address)) for one in asked]
        refused = REFUSED if self._reader == ADMINISTRATOR else SERVER_ERROR  # nothing is kept from administrators
        failed = {one.address: cold.status for one, cold in colds if cold.status >= refused}
        if failed:
            raise SystemExit(f"Asked for by the {self._reader}, these answer with an error: {failed}")
        for one, cold in colds:
            if cold.is_stream or cold.status != http.client.OK:
                continue  # it never ends, leads elsewhere, is not for this reader, or is reported as failed
            yield self._time(one, one.address, "", cold)
            deep = self._deep(one, cold) if one.is_list else None
            if deep is not None:
                yield self._time(one, deep, f"page {DEEP}", self._ask(deep))

    def _time(self, one: Asked, address: str, variant: str, cold: "Answer") -> PageTime:
        repeats = self._repeats if cold.seconds < SLOW_S else FEWER
        answers = sorted(self._ask(address).seconds for _ in range(1 + repeats))
        print(f"bench: {self._reader} {address[:100]} {answers[len(answers) // 2] * 1000:.0f} ms", file=sys.stderr)
        return PageTime(
            route=one.route,
            variant=variant or address.partition("?")[2],
            reader=self._reader,
            is_page=one.is_page,
            status=cold.status,
            cold_ms=_ms(cold.seconds),
            p50_ms=_ms(statistics.median(answers)),
            p95_ms=_ms(answers[math.ceil(len(answers) * 0.95) - 1]),  # the nearest rank
            over=sum(answer * 1000 > LIMIT_MS for answer in answers),
            asked=len(answers),
            html_kb=round(cold.kbytes, 1),
            load_kb=round(cold.kbytes + self._weigh(cold.body), 1) if one.is_page and cold.is_html else 0.0,
            is_export=cold.is_export,
        )

    def _deep(self, one: Asked, answer: "Answer") -> str | None:
        """Return the address of a page that lies deep in the list; None if the list is short."""
        address: str | None = None
        for _ in range(DEEP):
            following = _next_address(one, answer)
            if following is None:
                return address
            address = following
            answer = self._ask(address)
        return address

    def _ask(self, address: str) -> "Answer":
        began = time.perf_counter()
        self._connection.request("GET", address, headers=self._headers)
        answer = self._connection.getresponse()
        kind = answer.getheader("content-type", "")
        is_export = "attachment" in answer.getheader("content-disposition", "")
        if kind.startswith(STREAM) or is_export:
            first = b"" if kind.startswith(STREAM) else answer.read1(CHUNK)
            taken = time.perf_counter() - began
            self._connection.close()  # what streams goes on for long
            time.sleep(NOTICED_S)
        else:
            first = answer.read()
            taken = time.perf_counter() - began
        return Answer(status=answer.status, seconds=taken, body=first, kind=kind, is_export=is_export)

    def _weigh(self, body: bytes) -> float:
        """Return how many kB the page's styles, scripts and pictures weigh, as they come to a browser."""
        finder = _Finder()
        finder.feed(body.decode())
        for address in finder.found - self._weights.keys():
            self._weights[address] = self._ask(address).kbytes
        return sum(self._weights[address] for address in finder.found)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came, and how soon."""

    status: int
    seconds: float
    body: bytes
    kind: str
    is_export: bool

    @property
    def is_stream(self) -> bool:
        return self.kind.startswith(STREAM)

    @property
    def is_html(self) -> bool:
        return self.kind.startswith("text/html") and not self.is_export

    @property
    def kbytes(self) -> float:
        return len(self.body) / 1024


class _Finder(HTMLParser):
    """Finds what a page loads at once."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("href" if tag in {"link", "use"} else "src")
        if (
            tag in {"link", "script", "use", "img"}
            and address
            and address.startswith("/")
            and not APART.search(address)
        ):
            self.found.add(address.partition("#")[0])


class _Links(HTMLParser):
    """Finds the link to the next part of a list."""

    def __init__(self) -> None:
        super().__init__()
        self.found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        given = dict(attrs)
        address = given.get("href") or given.get("hx-get") or ""
        if "cursor=" in address and given.get("rel") != "prev":
            self.found = address


def _next_address(one: Asked, answer: Answer) -> str | None:
    if one.is_page:
        links = _Links()
        links.feed(answer.body.decode())
        found = links.found
        if found is None or found.startswith("/"):
            return found
        return one.address + found if found.startswith("?") else None
    told = msgspec.json.decode(answer.body)
    following = told.get("next") if isinstance(told, dict) else None
    return f"{one.address}?cursor={following}" if following else None


def _await_figures(folder: Path) -> None:
    """Return when the figures of the reports are gathered, which a new network has not: it takes minutes, once."""
    if _gathered(folder / DATABASE):
        return
    print("bench: gathering the figures of the past", file=sys.stderr)
    until = time.monotonic() + GATHERED_S
    with serving.serving(str(folder), pin=False):
        while not _gathered(folder / DATABASE):
            if time.monotonic() > until:
                raise SystemExit("The figures of the past are not gathered.")
            time.sleep(1.0)


def _gathered(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        row = database.execute("SELECT next_day FROM report_state").fetchone()
    return row is not None and row[0] is None


def _put_online(path: Path) -> None:
    """Let the stations be connected, as they are not when a server has just started."""
    with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        bring_online(Copier(database), time.time_ns() // 1000)
        database.execute("COMMIT")


def _wal_mb(folder: Path) -> float:
    log = folder / f"{DATABASE}-wal"
    return round(log.stat().st_size / 1e6, 1) if log.exists() else 0.0


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
