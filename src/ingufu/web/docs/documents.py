"""Where the API's documents are served: the OpenAPI document for programs, a page for people."""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.core.errors import NotFound
from ingufu.web import api, errors, health
from ingufu.web.docs import reading
from ingufu.web.openapi import API_PATH, make_document
from ingufu.web.routes import route

FOLDER = Path(__file__).parent
FOR_EVER = "public, max-age=31536000, immutable"  # the address changes with the content
TYPES: Mapping[str, str] = {"docs.css": "text/css; charset=utf-8", "docs.js": "text/javascript; charset=utf-8"}


@route("GET", "/openapi.json")
async def get_openapi() -> Response[bytes]:
    """Get the OpenAPI document

    Version 3.1, of exactly what this server does.
    """
    return Response(document_bytes(), media_type="application/json", headers={"Cache-Control": "private, max-age=300"})


@route("GET", "/api/docs", is_page=True, media_type="text/html")
async def get_docs() -> Response[bytes]:
    """Get the description of the API for people

    A page with every operation, its fields and errors, searchable, and with a request to copy.
    """
    return Response(_page(), media_type="text/html; charset=utf-8")


@route("GET", "/api/docs/{name:str}", is_public=True, media_type="text/css")
async def get_part(name: str) -> Response[bytes]:
    """Get a part of that page

    Its style or its script.
    """
    if name not in TYPES:
        raise NotFound
    return Response(_part(name), media_type=TYPES[name], headers={"Cache-Control": FOR_EVER})


ROUTES: tuple[HTTPRouteHandler, ...] = (get_docs, get_part)
API_ROUTES: tuple[HTTPRouteHandler, ...] = (*api.ROUTES, get_openapi)


@functools.cache
def document_bytes() -> bytes:
    """Return the OpenAPI document as it is served and kept in the documentation."""
    document = make_document([*((API_PATH, handler) for handler in API_ROUTES), *(("", one) for one in health.ROUTES)])
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


@functools.cache
def _page() -> bytes:
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    document = msgspec.json.decode(document_bytes())
    kinds = [(kind.code, status, errors.title(kind)) for kind, status in errors.STATUSES.items()]
    page = environment.get_template("docs.html").render(
        about=reading.prose(document["info"]["description"]),
        chapters=reading.chapters(document),
        errors=kinds,
        address={name: f"/api/docs/{name}?v={hashlib.sha256(_part(name)).hexdigest()[:16]}" for name in TYPES},
        document_address=f"{API_PATH}/openapi.json",
    )
    return page.encode()


@functools.cache
def _part(name: str) -> bytes:
    return (FOLDER / name).read_bytes()
