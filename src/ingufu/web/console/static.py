"""Scripts, styles and icons as browsers get them: from memory, compressed once, kept for ever by who asks."""

import gzip
import hashlib
import mimetypes
from pathlib import Path

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.core.errors import NotFound
from ingufu.web.assets import STATIC_FOLDER
from ingufu.web.exchange import Asked
from ingufu.web.routes import route

FOR_EVER = "public, max-age=31536000, immutable"  # addresses change with the content (web.assets)
_PACKED_BY_ITSELF = frozenset({"image/png", "font/woff2"})
_KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


class StaticFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file, as it is and compressed."""

    content: bytes
    packed: bytes | None
    kind: str
    etag: str


class StaticFiles:
    """Every file below a folder, read when first asked for."""

    def __init__(self, folder: Path = STATIC_FOLDER) -> None:
        self._paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        self._read: dict[str, StaticFile] = {}

    def get(self, name: str) -> StaticFile:
        """Return the file. Raises NotFound."""
        if name not in self._paths:
            raise NotFound("There is no such file.")
        if name not in self._read:
            self._read[name] = _read(self._paths[name])
        return self._read[name]


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = None if kind in _PACKED_BY_ITSELF else gzip.compress(content, 6, mtime=0)
    return StaticFile(content=content, packed=packed, kind=kind, etag=f'"{hashlib.sha256(content).hexdigest()[:20]}"')


@route("GET", "/static/{path:path}", is_public=True, is_page=True)
async def get_file(request: Asked, path: str) -> Response[bytes]:
    """Get a script, a style or an icon"""
    files: StaticFiles = request.app.state["static"]
    file = files.get(path.lstrip("/"))
    headers = {"Cache-Control": FOR_EVER, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(b"", status_code=304, headers=headers, media_type=file.kind)
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.kind)
    return Response(file.content, headers=headers, media_type=file.kind)


ROUTES: tuple[HTTPRouteHandler, ...] = (get_file,)
