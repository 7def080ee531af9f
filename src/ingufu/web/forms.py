"""Forms as browsers send them: text fields in order, read after it is sure that one of our own pages sent them."""

import asyncio
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

import msgspec
from litestar.datastructures import UploadFile
from litestar.exceptions import ClientException

from ingufu.core.errors import Forbidden, InvalidInput
from ingufu.web import auth
from ingufu.web.declared import route_of
from ingufu.web.errors import MalformedRequest, SlowRequest
from ingufu.web.exchange import Asked
from ingufu.web.reading import BODY_TIMEOUT_S, FILE_TIMEOUT_S

CSRF_FIELD = "csrf_token"
MAX_FIELDS = 5000  # the deepest command form has far fewer
_KIND = "application/x-www-form-urlencoded"
_KIND_WITH_FILES = "multipart/form-data"


class GivenFile(msgspec.Struct, frozen=True):
    """A file as a browser sent it. What it is called is the sender's word."""

    name: str
    content: bytes


class Form:
    """The fields of a form, as text."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = (), files: Mapping[str, GivenFile] | None = None) -> None:
        self.pairs = tuple(pairs)
        self.files = dict(files or {})

    def text(self, name: str) -> str:
        """Return the first field of this name without blanks around it; empty if there is none."""
        return next((value.strip() for key, value in self.pairs if key == name), "")

    def exact(self, name: str) -> str:
        """Return the first field of this name as it was typed, as passwords are."""
        return next((value for key, value in self.pairs if key == name), "")

    def texts(self, name: str) -> list[str]:
        """Return every field of this name."""
        return [value.strip() for key, value in self.pairs if key == name]

    def is_on(self, name: str) -> bool:
        """Return whether a box was ticked."""
        return bool(self.text(name))

    def integer(self, name: str, *, low: int, high: int) -> int | None:
        """Return a whole number, or None if the field is empty. Raises InvalidInput."""
        text = self.text(name)
        if not text:
            return None
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise InvalidInput(f"A whole number from {low} to {high} is needed here.", field=name)
        return number

    def number(self, name: str, *, low: float, high: float) -> float | None:
        """Return a number, or None if the field is empty. Raises InvalidInput."""
        text = self.text(name).replace(",", ".")
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise InvalidInput(f"A number from {low:g} to {high:g} is needed here.", field=name)
        return number


async def check_form(request: Asked) -> None:
    """Raise Forbidden unless one of our own pages sent this, by the header or by the hidden field.

    Who is logged in by a key has no page. Before a log-in there is nothing to steal but the log-in itself.
    """
    secret = auth.session_secret(request)
    if request.scope.get("user") is None:
        auth.check_origin(request)
        return
    if not secret or "authorization" in request.headers:
        raise Forbidden("Pages are for people who have logged in; programs use /api/v1.")
    given = request.headers.get(auth.CSRF_HEADER) or (await read_form(request)).exact(CSRF_FIELD)
    if not hmac.compare_digest(given.encode(), auth.csrf_token(secret).encode()):
        raise Forbidden("This form is not of your present log-in. Go back, load the page again and repeat it.")


async def read_form(request: Asked) -> Form:
    """Return the fields that were sent. Raises MalformedRequest, SlowRequest, BodyTooLarge by the framework."""
    kind = request.headers.get("content-type", _KIND).partition(";")[0].strip().lower()
    route = route_of(request.scope)
    if kind == _KIND_WITH_FILES and route is not None and route.file_bytes:
        return await _read_with_files(request)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            raw = await request.body()
    except TimeoutError as error:
        raise SlowRequest from error
    except ClientException as error:
        if error.status_code == 400:  # the browser went away
            raise MalformedRequest("The form ended too early.") from error
        raise
    if not raw:
        return Form()
    if kind != _KIND:
        raise MalformedRequest("The fields of a form are expected.")
    try:
        return Form(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except (UnicodeDecodeError, ValueError) as error:
        raise MalformedRequest("The form cannot be read.") from error


async def _read_with_files(request: Asked) -> Form:
    """Return fields and files; a large file waits on disk until it is whole."""
    try:
        async with asyncio.timeout(FILE_TIMEOUT_S):
            given = await request.form()
    except TimeoutError as error:
        raise SlowRequest from error
    except ClientException as error:
        if error.status_code == 400:
            raise MalformedRequest("The form cannot be read, or ended too early.") from error
        raise
    pairs: list[tuple[str, str]] = []
    files: dict[str, GivenFile] = {}
    for name, value in given.multi_items():
        if isinstance(value, UploadFile):
            await value.seek(0)
            files[name] = GivenFile(value.filename, await value.read())
        else:
            pairs.append((name, str(value)))
    return Form(pairs, files)
