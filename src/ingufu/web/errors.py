"""Errors as the web says them: problem+json (RFC 9457), from one table of what went wrong to its status."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from ingufu.core import errors
from ingufu.core.errors import IngufuError
from ingufu.web import exchange
from ingufu.web.declared import route_of
from ingufu.web.exchange import Asked

PROBLEM_TYPE = "application/problem+json"
LOGIN_PAGE = "/console/login"  # where a browser is sent that has to say first who it is
_AT = re.compile(r" - at `\$\.?(.*?)`$")

log = structlog.get_logger(__name__)


class MalformedRequest(IngufuError):
    """The request cannot be read: its body is not JSON, or a parameter is not what its name promises."""

    code = "malformed-request"


class NoSuchAddress(IngufuError):
    """There is nothing at this address."""

    code = "no-such-address"


class MethodNotAllowed(IngufuError):
    """This address does not know the method."""

    code = "method-not-allowed"


class BodyTooLarge(IngufuError):
    """The body is larger than is taken here."""

    code = "body-too-large"


class UnsupportedMediaType(IngufuError):
    """The body has to be JSON, and its Content-Type has to say so."""

    code = "unsupported-media-type"


class RequestInProgress(IngufuError):
    """The first request with this idempotency key is still being worked on."""

    code = "request-in-progress"


class IdempotencyMismatch(IngufuError):
    """This idempotency key was used for another request."""

    code = "idempotency-mismatch"


class SecretShownOnce(IngufuError):
    """The first request with this idempotency key succeeded; the secret in its answer is shown only once."""

    code = "secret-shown-once"


class TokenRefused(IngufuError):
    """The token would be refused at the station."""

    code = "token-refused"


class SecondFactorMissing(errors.Forbidden):
    """You need a second factor. Set one up first: your account, or POST /me/factors/totp."""

    code = "second-factor-missing"


class SlowRequest(IngufuError):
    """The request did not arrive in time."""

    code = "request-timeout"


class InternalError(IngufuError):
    """Something of ours is broken; the log says what, under this request's id."""

    code = "internal-error"


STATUSES: Mapping[type[IngufuError], int] = {
    MalformedRequest: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    SecondFactorMissing: 403,
    errors.NotFound: 404,
    NoSuchAddress: 404,
    MethodNotAllowed: 405,
    SlowRequest: 408,
    errors.Conflict: 409,
    errors.StationOffline: 409,
    RequestInProgress: 409,
    SecretShownOnce: 409,
    TokenRefused: 409,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    errors.InvalidInput: 422,
    errors.StationUnsupported: 422,
    errors.StationNotAccepted: 409,
    IdempotencyMismatch: 422,
    errors.TooManyRequests: 429,
    InternalError: 500,
    errors.PartnerFailed: 502,
    errors.StationUnavailable: 502,
    errors.Unavailable: 503,
    errors.StationTimeout: 504,
}

ROUTER_ERRORS: Mapping[int, type[IngufuError]] = {
    400: MalformedRequest,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: NoSuchAddress,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
}


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong (RFC 9457). `code` is stable; `type` is it as a URN; `detail` is for people and may change."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: tuple[FieldProblem, ...] = ()
    retry_after_s: int | None = None


def title(kind: type[IngufuError]) -> str:
    """Return the default sentence of an error."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def answer_known(request: Asked, error: IngufuError) -> Response[Any]:
    """Answer an error of the house."""
    route = route_of(request.scope)
    if isinstance(error, errors.Unauthenticated) and route is not None and route.is_page:
        return Redirect(f"{LOGIN_PAGE}?next={exchange.quoted_address(request.scope)}", status_code=303)
    kind = next(kind for kind in type(error).__mro__ if kind in STATUSES or kind is IngufuError)
    if kind is IngufuError:
        return answer_unknown(request, error)
    return _answer(request, error, kind)


def answer_router(request: Asked, error: HTTPException) -> Response[Any]:
    """Answer what the framework refuses: unknown addresses and methods, bodies too large."""
    kind = ROUTER_ERRORS.get(error.status_code)
    if kind is None:
        return answer_unknown(request, error)
    return _answer(request, kind(), kind, dict(error.headers or {}))


def answer_unknown(request: Asked, error: Exception) -> Response[Any]:
    """Answer a bug: nothing of it but the id of the request, under which the log has the rest."""
    log.error("http.failed", request=exchange.request_id(request.scope), path=request.url.path, exc_info=error)
    return _answer(request, InternalError(), InternalError)


def from_decoding(error: msgspec.MsgspecError, place: str) -> IngufuError:
    """Return what is wrong with a body or a query that is not of its type. `place` is "body" or "query"."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return MalformedRequest(f"The {place} is not JSON: {text}")
    found = _AT.search(text)
    reason = _AT.sub("", text)
    field = found.group(1) if found else ""
    return errors.InvalidInput(f"{reason}.", field=field or place)


def _answer(
    request: Asked,
    error: IngufuError,
    kind: type[IngufuError],
    headers: Mapping[str, str] | None = None,
) -> Response[Any]:
    field = error.field if isinstance(error, errors.InvalidInput) else None
    retry_after_s = error.retry_after_s if isinstance(error, errors.TooManyRequests) else None
    problem = Problem(
        type=f"urn:ingufu:error:{kind.code}",
        title=title(kind),
        status=STATUSES[kind],
        code=kind.code,
        detail=error.message,
        request_id=exchange.request_id(request.scope),
        errors=(FieldProblem(field=field, message=error.message),) if field else (),
        retry_after_s=retry_after_s,
    )
    answer = Response(
        content=msgspec.json.encode(problem), status_code=problem.status, media_type=PROBLEM_TYPE, headers=headers
    )
    if problem.status == 401:  # RFC 9110, 11.6.1
        answer.set_header("WWW-Authenticate", 'Bearer realm="ingufu"')
    if retry_after_s is not None:
        answer.set_header("Retry-After", str(retry_after_s))
    return answer
