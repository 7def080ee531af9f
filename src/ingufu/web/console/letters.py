"""Letters to people put in words: plain text and HTML, in the language of who reads them."""

from html import unescape

from markupsafe import Markup

from ingufu.accounts.sign_in.model import Letter
from ingufu.accounts.sign_in.service.links import Write
from ingufu.infra.mail.model import Content
from ingufu.web.assets import load_assets
from ingufu.web.console import translations
from ingufu.web.console.rendering import CONSOLE_PATH, make_environment
from ingufu.web.context import WebContext

_TEMPLATE = "parts/letters.html"


def written(web: WebContext) -> Write:
    """Return what puts letters in words; links begin with the public address of the settings."""
    base = web.settings.public_url.rstrip("/") + CONSOLE_PATH

    def write(letter: Letter) -> Content:
        language = translations.chosen(letter.language, translations.languages())
        environment = make_environment(assets=load_assets(), clock=web.services.clock, locale=language)
        module = environment.get_template(_TEMPLATE).module
        link = base + letter.path
        subject = _plain(module.subject(letter.kind))  # type: ignore[attr-defined]  # a macro
        html = str(module.letter(letter, link, language))  # type: ignore[attr-defined]  # a macro
        lines = str(module.lines(letter, link)).split("<p>")  # type: ignore[attr-defined]  # a macro
        plain = "\n\n".join(text for line in lines if (text := _plain(line)))
        return Content(subject=subject, plain=plain + "\n", html=html)

    return write


def _plain(markup: object) -> str:
    return unescape(Markup(str(markup)).striptags())  # noqa: S704 - it becomes text
