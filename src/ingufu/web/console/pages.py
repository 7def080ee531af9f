"""What every page is rendered with: the reader's language, who reads and what they may, what waits for somebody."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta, tzinfo
from threading import Event
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from jinja2 import Environment
from litestar import Response
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from ingufu.accounts.model import Principal, Scope
from ingufu.views import console_attempts, console_stations, evidence, templates
from ingufu.web import auth, exchange
from ingufu.web.assets import Assets, load_assets
from ingufu.web.console import navigation, present, translations, view_tabs
from ingufu.web.console.memo import Memo
from ingufu.web.console.rendering import CONSOLE_PATH, make_environment
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.live import LiveEvent
from ingufu.web.routes import Handler, route
from ingufu.web.runs import Runs
from ingufu.web.uploads import Uploads

HTML = "text/html"
LANGUAGE_COOKIE = "ingufu_language"
FLASH_COOKIE = "ingufu_flash"
DAY = timedelta(days=1)
_COUNTS_AGE_S = 5.0  # how old the numbers beside the menu may be


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at the page, as the page needs it."""

    name: str
    role: str  # admin, operator, viewer


class May(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader may do; what they may not is not offered."""

    write: bool = False
    command: bool = False
    see_frames: bool = False
    see_sessions: bool = False
    see_steps: bool = False  # of sessions
    see_stations: bool = False
    see_tariffs: bool = False
    see_network: bool = False  # not only some sites of it, or what is of a fleet
    handle_money: bool = False
    see_audit: bool = False
    see_events: bool = False
    see_cards: bool = False


class Toast(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of an action, shown on the page that comes next. Texts are translated already."""

    message: str
    detail: str = ""
    tone: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Renders pages; made once at start."""

    web: WebContext
    environments: Mapping[str, Environment]
    memo: Memo
    runs: Runs
    uploads: Uploads
    warming: dict[str, asyncio.Task[None]] = field(default_factory=dict)  # by language
    is_closed: Event = field(default_factory=Event)

    def warm(self, language: str) -> None:
        """Have the templates of a language made ready in the background, once: the first page need not wait for it."""
        if language not in self.warming:
            self.warming[language] = asyncio.create_task(asyncio.to_thread(self._load_all, language))

    def _load_all(self, language: str) -> None:
        environment = self.environments[language]
        for name in environment.list_templates(filter_func=lambda name: name.startswith(("pages/", "parts/"))):
            if self.is_closed.is_set():
                return
            environment.get_template(name)

    async def close(self) -> None:
        """End what goes on in the background."""
        self.is_closed.set()
        await self.runs.close()

    def environment(self, request: Asked) -> Environment:
        """Return the environment of the reader's language."""
        return self.environments[self.language(request)]

    def language(self, request: Asked) -> str:
        """Return the reader's language: as entered for the user, as chosen in this browser, or as the browser asks.

        English is what users have whose language nobody has entered: then the browser's choice goes first.
        """
        principal: Principal | None = request.scope.get("user")
        available = tuple(self.environments)
        if principal is not None and principal.language != translations.SOURCE_LANGUAGE:
            return translations.chosen(principal.language, available)
        choice = request.cookies.get(LANGUAGE_COOKIE, "")
        if choice in available:
            return choice
        return translations.chosen(request.headers.get("accept-language", ""), available)

    def text(self, request: Asked, message: str, **values: object) -> str:
        """Return a text of ours in the reader's language."""
        translated: str = self.environment(request).globals["plain_text"](message)  # type: ignore[operator]  # gettext
        return translated % values if values else translated

    async def show(self, request: Asked, template: str, *, status: int = 200, **values: Any) -> Response[str]:
        """Return a page."""
        rendered = self.environment(request).get_template(template).render(**await self._frame(request), **values)
        answer = Response(rendered, status_code=status, media_type=HTML)
        if FLASH_COOKIE in request.cookies:
            answer.delete_cookie(FLASH_COOKIE, path=CONSOLE_PATH)
        return answer

    def show_error(self, request: Asked, status: int, **values: Any) -> Response[str]:
        """Return the page of an error; it needs nothing of storage, which may be what failed."""
        frame = {**self._seat(request), **self._paint(request), "nav_counts": {}, "flash": None}
        template = self.environment(request).get_template("pages/error.html")
        return Response(template.render(**frame, status=status, **values), status_code=status, media_type=HTML)

    def part(self, request: Asked, template: str, *, status: int = 200, **values: Any) -> Response[str]:
        """Return a fragment that a page asks for."""
        return Response(self.render(request, template, **values), status_code=status, media_type=HTML)

    def fragment(self, markup: str, *, status: int = 200) -> Response[str]:
        """Return markup that is written already as a fragment."""
        return Response(markup, status_code=status, media_type=HTML)

    def render(self, request: Asked, template: str, **values: Any) -> str:
        """Return a fragment as text."""
        return self.environment(request).get_template(template).render(**self._seat(request), **values)

    def macro(self, request: Asked, template: str, name: str, *arguments: Any) -> str:
        """Return what a macro of a template writes."""
        written = getattr(self.environment(request).get_template(template).module, name)(*arguments)
        return str(written).strip()

    def entries(
        self, request: Asked, list_id: str, told: Sequence[LiveEvent], zone: tzinfo, *, with_station: bool = False
    ) -> dict[str, str]:
        """Return events as entries for the top of a timeline, the newest first."""
        written = [
            self.macro(request, "parts/event.html", "event_entry", event, zone, with_station)
            for event in reversed(present.events(told))
        ]
        return {list_id: "".join(written)} if written else {}

    def may(self, request: Asked) -> May:
        """Return what the reader may do."""
        return _may(request.scope.get("user"))

    def done(self, request: Asked, toast: Toast, *, to: str) -> Response[Any]:
        """Tell that something was done: by a toast where the page stays, else on the page at `to`."""
        return self.tell(toast) if request.headers.get("hx-request") else self.go(request, to, toast)

    def tell(self, toast: Toast, *, status: int = 204) -> Response[Any]:
        """Have the page that is shown tell what became of its request."""
        events = {"toast": msgspec.to_builtins(toast)} | ({"done": None} if status == 204 else {})
        told = json.dumps(events)  # ASCII, as headers are
        return Response(None, status_code=status, headers={"HX-Trigger": told}, media_type=HTML)

    def go(self, request: Asked, to: str, toast: Toast | None = None) -> Redirect:
        """Send the browser to another page, which shows the toast; back on a list it is where it was in it."""
        answer = Redirect(_as_left(request, to), status_code=303)
        if toast is not None:
            answer.set_cookie(
                Cookie(
                    key=FLASH_COOKIE,
                    value=msgspec.json.encode(toast).hex(),
                    path=CONSOLE_PATH,
                    max_age=60,
                    httponly=True,
                    samesite="lax",
                    secure=exchange.is_https(request.scope),
                )
            )
        return answer

    def leave(self, request: Asked, to: str, toast: Toast | None = None) -> Response[Any]:
        """Send the browser to another page, also where a dialog's script asked: what it stood on may be gone."""
        answer = self.go(request, to, toast)
        if not request.headers.get("hx-request"):
            return answer
        moved: Response[Any] = Response(None, status_code=200, headers={"HX-Redirect": to})
        moved.cookies = answer.cookies
        return moved

    def _seat(self, request: Asked) -> dict[str, Any]:
        principal: Principal | None = request.scope.get("user")
        secret = auth.session_secret(request)
        return {
            "user": None if principal is None else _reader(principal),
            "may": _may(principal),
            "areas": () if principal is None else navigation.areas_for(principal),
            "csrf_token": auth.csrf_token(secret) if secret and principal is not None else None,
        }

    async def _frame(self, request: Asked) -> dict[str, Any]:
        principal: Principal | None = request.scope.get("user")
        return {
            **self._seat(request),
            "nav_counts": {} if principal is None else await self._counts(principal),
            "flash": _flash(request),
            "saved_views": None if principal is None else await view_tabs.tabs_of(self.web, principal, request),
            **self._paint(request),
        }

    def _paint(self, request: Asked) -> dict[str, Any]:
        return {
            "language": self.language(request),
            "languages": {code: translations.NAMES.get(code, code) for code in self.environments},
            "here": exchange.quoted_address(request.scope),
            "version": self.web.settings.version,
        }

    async def _counts(self, principal: Principal) -> dict[str, int]:
        """Return the numbers beside the menu's entries: stations that wait, refusals of the last day."""
        database, now = self.web.services.database, self.web.services.clock.now()

        async def count() -> dict[str, int]:
            return {
                "stations": await console_stations.count_waiting(database, principal.site_ids),
                "configuration": await templates.count_drifted(database, principal.site_ids),
                "review": await evidence.count_reviews(database, principal.site_ids),
                "attempts": await console_attempts.count_refusals(database, principal.site_ids, since=now - DAY),
            }

        return await self.memo.of(("counts", principal.site_ids), _COUNTS_AGE_S, count)


class _Environments(Mapping[str, Environment]):
    """The environments by language, each made when somebody first reads it: a catalogue takes megabytes."""

    def __init__(self, languages: Sequence[str], make: Callable[[str], Environment]) -> None:
        self._languages = tuple(languages)
        self._make = make
        self._made: dict[str, Environment] = {}

    def __getitem__(self, language: str) -> Environment:
        if language not in self._made:
            if language not in self._languages:
                raise KeyError(language)
            self._made[language] = self._make(language)
        return self._made[language]

    def __contains__(self, language: object) -> bool:
        return language in self._languages

    def __iter__(self) -> Iterator[str]:
        return iter(self._languages)

    def __len__(self) -> int:
        return len(self._languages)


def make_pages(web: WebContext, *, assets: Assets | None = None) -> Pages:
    """Return what renders pages, with every language there is a catalogue for."""
    found = assets or load_assets()
    clock = web.services.clock
    return Pages(
        web=web,
        environments=_Environments(
            translations.languages(), lambda code: make_environment(assets=found, clock=clock, locale=code)
        ),
        memo=Memo(clock),
        runs=Runs(clock, web.services.ids),
        uploads=Uploads(clock, web.services.ids),
    )


def page(path: str, **declared: Any) -> Callable[[Handler], HTTPRouteHandler]:
    """Make a page of a function."""
    return route("GET", path, is_page=True, result=None, media_type=HTML, status=200, **declared)


def action(path: str, **declared: Any) -> Callable[[Handler], HTTPRouteHandler]:
    """Make of a function what a page's form does."""
    return route("POST", path, is_page=True, is_form=True, result=None, media_type=HTML, status=200, **declared)


def path_of(*parts: str | int) -> str:
    """Return the address of a console page, its parts quoted."""
    return "/".join([CONSOLE_PATH, *(_quoted(str(part)) for part in parts)])


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _reader(principal: Principal) -> Reader:
    if Scope.ADMIN in principal.scopes:
        role = "admin"
    elif Scope.STATIONS_COMMAND in principal.scopes:
        role = "operator"
    else:
        role = "viewer"
    return Reader(name=principal.name, role=role)


def _may(principal: Principal | None) -> May:
    if principal is None:
        return May()
    return May(
        write=Scope.STATIONS_WRITE in principal.scopes,
        command=Scope.STATIONS_COMMAND in principal.scopes,
        see_frames=Scope.FRAMES_READ in principal.scopes,
        see_sessions=Scope.TRANSACTIONS_READ in principal.scopes,
        see_steps=Scope.TRANSACTIONS_READ in principal.scopes and principal.fleet_id is None,
        see_stations=Scope.STATIONS_READ in principal.scopes and principal.fleet_id is None,
        see_tariffs=Scope.TARIFFS_READ in principal.scopes and principal.fleet_id is None,
        see_network=principal.site_ids is None,
        handle_money=Scope.MONEY_WRITE in principal.scopes,
        see_cards=Scope.TOKENS_READ in principal.scopes,
        see_events=Scope.EVENTS_READ in principal.scopes,
        see_audit=Scope.AUDIT_READ in principal.scopes and principal.site_ids is None,
    )


def _as_left(request: Asked, to: str) -> str:
    """Return the address with the filters and the place in the list that the reader had there, if they come from it."""
    try:
        came = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return to
    is_same = came.path == to and came.netloc == request.headers.get("host") and came.query.isascii()
    return f"{to}?{came.query}" if is_same and came.query else to


def _flash(request: Asked) -> Toast | None:
    raw = request.cookies.get(FLASH_COOKIE, "")
    try:
        return msgspec.json.decode(bytes.fromhex(raw[:4000]), type=Toast) if raw else None
    except (ValueError, msgspec.MsgspecError):
        return None
