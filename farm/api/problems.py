"""Every error as one shape: application/problem+json (RFC 9457), with each wrong field by name."""

import http
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from farm import logs
from farm.api.roles import takes_password
from farm.api.serving import GUARDS
from farm.errors import FarmError, Problem, Unauthorised, Unavailable

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:portrait-farm:problem:"
RETRY_AFTER_S = 5
_log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem document, those of routing and parsing included."""
    app.add_exception_handler(FarmError, _farm_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    status: int,
    title: str,
    *,
    kind: str,
    detail: str,
    problems: Iterable[Problem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The document and its response. `kind` ends the type's URN."""
    body = {
        "type": TYPE_PREFIX + kind,
        "title": title,
        "status": status,
        "detail": detail,
        "errors": [{"field": item.field, "message": item.message} for item in problems],
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _farm_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, FarmError):
        raise error
    # A browser asks its user for a password where the challenge is Basic.
    challenge = 'Basic realm="farm", charset="UTF-8"' if takes_password(request.url.path) else "Bearer"
    headers = {"WWW-Authenticate": challenge} if isinstance(error, Unauthorised) else {}
    if error.retryable:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if error.http_status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        # A service that is away was told once already, where it was asked.
        level = logging.DEBUG if isinstance(error, Unavailable) else logging.WARNING
        _log.log(level, "%s: %s", type(error).__name__, error)
    return problem(
        error.http_status,
        error.title,
        kind=_kebab(type(error).__name__),
        detail=_public(error),
        problems=error.problems,
        headers=headers,
    )


def _public(error: FarmError) -> str:
    """What a user may read: an outage's own words may name hosts and folders, so the log alone has them."""
    if error.http_status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return error.message
    return "try again in a moment; GET /health says what is missing" if error.retryable else "the farm's log says more"


def _validation_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    found = [Problem(_field(item["loc"]), str(item["msg"])) for item in error.errors()]
    return problem(
        422, "The request has mistakes", kind="invalid-input", detail="each mistake is named below", problems=found
    )


def _field(location: Sequence[Any]) -> str:
    """The name as the user wrote it, without where FastAPI found it (path, query, header)."""
    return ".".join(map(str, location[1:])) if len(location) > 1 else ""


def _http_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    phrase = http.HTTPStatus(error.status_code).phrase
    detail = {
        404: f"there is nothing at {request.url.path[:200]}; /docs shows what there is",
        405: f"{request.method} is not possible here; /docs shows what is",
    }.get(error.status_code, str(error.detail))
    kind = _kebab(phrase.title().replace(" ", ""))
    return problem(error.status_code, phrase, kind=kind, detail=detail, headers=error.headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    with logs.about(request=request.scope.get("request_id")):  # the request's own context has ended by now
        _log.error("unexpected error", exc_info=error)
    detail = "this is a fault of the farm; its log says more"
    # This answer alone is made outside of what guards the others.
    return problem(500, "The farm made a mistake", kind="unexpected", detail=detail, headers=GUARDS)


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
