"""The page that a document's code leads to: whether it is genuine, for anybody, and nothing about who bought."""

import hmac
import re

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.billing.invoices.model import DocumentState
from ingufu.billing.invoices.rendering import page
from ingufu.core import errors
from ingufu.core.addresses import network_of
from ingufu.core.clock import Clock
from ingufu.core.errors import NotFound, TooManyRequests
from ingufu.web import exchange
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import route

PER_MINUTE = 60  # of one address; a shop's till prints fewer
ADDRESSES_MAX = 20_000  # that are remembered
_CODE = re.compile(r"[0-9a-f]{24}")
_ID = re.compile(r"[0-9a-f-]{36}")
_LANGUAGE = re.compile(r"\s*(en|fr|rw|sw)\b")


class CheckPace:
    """How often each address asked within the minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = -1
        self._asked: dict[str, int] = {}

    def note(self, address: str) -> None:
        """Count a request. Raises TooManyRequests."""
        minute = int(self._clock.monotonic() // 60)
        if minute != self._minute or len(self._asked) >= ADDRESSES_MAX:
            self._minute, self._asked = minute, {}
        origin = network_of(address)
        self._asked[origin] = self._asked.get(origin, 0) + 1
        if self._asked[origin] > PER_MINUTE:
            raise TooManyRequests("Too many documents were looked for. Wait a minute.")


@route(
    "GET",
    "/check/{document_id:str}/{code:str}",
    is_public=True,
    is_page=True,
    media_type="text/html",
    result=None,
    status=200,
    raises=(errors.TooManyRequests,),
)
async def check_document(web: WebContext, request: Asked, document_id: str, code: str) -> Response[str]:
    """Say whether a document is genuine

    Who has its address has it from the document: the code in it is not to be guessed. A wrong one and a document that
    does not exist look the same.
    """
    pace: CheckPace = request.app.state["check_pace"]
    pace.note(exchange.client_address(request.scope))
    known = None
    if _ID.fullmatch(document_id) and _CODE.fullmatch(code):
        try:
            known = await web.services.money.documents.known(document_id)
        except NotFound:
            known = None
    if known is not None and (
        known.document.state is not DocumentState.FINALISED or not hmac.compare_digest(known.document.code, code)
    ):
        known = None
    asked = _LANGUAGE.match(request.headers.get("accept-language", ""))
    shown = page.check_page(
        known.document if known else None, known.standing if known else None, asked.group(1) if asked else "en"
    )
    return Response(
        shown,
        status_code=200 if known else 404,
        media_type="text/html",
        headers={"Content-Security-Policy": page.policy(), "Referrer-Policy": "no-referrer"},
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (check_document,)
