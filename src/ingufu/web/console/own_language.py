"""The language that users choose for themselves: what is sent to them, and their other browsers, follow it."""

from ingufu.accounts.model import ActorKind, Principal
from ingufu.web import access
from ingufu.web.context import WebContext


async def keep(web: WebContext, principal: Principal, code: str) -> None:
    """Have the language entered for the user who is here; whoever came with a key has none to keep."""
    if principal.kind is not ActorKind.USER or principal.language == code:
        return
    async with web.services.database.work() as work:
        await web.services.accounts.update_user(work, principal.id, language=code)
        before, after = {"language": principal.language}, {"language": code}
        access.note(web, work, principal, "user.update", principal.id, before=before, after=after)
