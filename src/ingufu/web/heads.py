"""HEAD, which programs that watch a server ask for: what GET would answer, without the body (RFC 9110, 9.3.2)."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send


def answering_heads(app: ASGIApp) -> ASGIApp:
    """Return an application that answers HEAD wherever `app` answers GET, and all else as `app` does.

    Of a file or a stream no more is made than its beginning: who serves says that the client is gone when the answer
    is whole, and whoever makes the body ends with that.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            await _answer_head(app, scope, receive, send)
        else:
            await app(scope, receive, send)

    return answer


async def _answer_head(app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
    async def send_head(message: Message) -> None:
        if message["type"] != "http.response.start":
            return
        scope["method"] = "HEAD"  # for the log, and for the server, which sees the same scope
        await send(message)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    scope["method"] = "GET"
    await app(scope, receive, send_head)
