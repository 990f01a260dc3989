"""Turns the apps' errors into HTTP answers; the one table of status codes.

The native API answers with problem documents (RFC 9457), MLflow's routes in MLflow's
shape. None of the statuses that MLflow's client retries (408, 429, 5xx) stands here.
"""

import logging
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404
from django.views.defaults import page_not_found
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from audit.errors import (
    ConflictError,
    DomainError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)

log = logging.getLogger(__name__)

STATUS: dict[type[DomainError], int] = {
    InvalidError: 400,
    UnauthenticatedError: 401,
    PermissionDeniedError: 403,
    NotFoundError: 404,
    ConflictError: 409,
}
TITLE = {
    400: "The request is not valid",
    401: "Nobody is logged in",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    409: "Not now",
    415: "Unsupported media type",
}
# Django's own exceptions, which REST framework turns into these statuses.
DJANGO_CODE = {403: "permission_denied", 404: "not_found"}
MLFLOW_CODE: dict[type[DomainError], str] = {
    InvalidError: "INVALID_PARAMETER_VALUE",
    UnauthenticatedError: "UNAUTHENTICATED",
    PermissionDeniedError: "PERMISSION_DENIED",
    NotFoundError: "RESOURCE_DOES_NOT_EXIST",
    ConflictError: "RESOURCE_CONFLICT",
}
# MLflow's client swallows exactly this code with exactly this status.
MLFLOW_EXISTS = {"experiment_exists", "model_exists"}
# MLflow itself answers these with 400, so its users and their tests expect that.
MLFLOW_INVALID = {"experiment_archived", "run_archived"}
LONGEST_MESSAGE = 4000
NATIVE_PATH = re.compile(r"^(?:/w/[^/]+)?/api/v1/")
MLFLOW_PATH = re.compile(
    r"^(?:/w/[^/]+)?/(?:(?:ajax-)?api/[23]\.0/|gateway(?:/|\Z)"
    r"|(?:(?:model-versions/)?get-artifact|version|health|v1/traces|graphql)\Z)"
)


class DomainErrorMiddleware:
    """Answers for plain Django views; REST framework calls `problem_response` itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        return answer_to_plain_view(request, error)


class NoNulMiddleware:
    """Refuses addresses with a NUL character, which no text in PostgreSQL holds."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_odd = "\0" in request.path_info or "%00" in request.META["QUERY_STRING"]
        refusal = is_odd and answer_to_plain_view(
            request,
            InvalidError(
                "address_has_nul",
                "The address holds a NUL character (%00): leave it out.",
            ),
        )
        return refusal or self.get_response(request)


def answer_to_plain_view(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Return the answer to what a plain view raised, None if it is not for us to say."""
    is_mlflow = MLFLOW_PATH.match(request.path)
    if isinstance(error, TooManyFieldsSent):
        error = InvalidError(
            "query_too_long",
            f"The query has more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} "
            f"values: ask for less at once.",
        )
    if is_mlflow:
        error = _of_the_address(error) or error
    if not isinstance(error, DomainError):
        return _mlflow_failure(request, error) if is_mlflow else None
    if is_mlflow:
        return _mlflow_answer(error)
    return JsonResponse(
        problem(error),
        status=STATUS[type(error)],
        content_type="application/problem+json",
    )


def _of_the_address(error: Exception) -> DomainError | None:
    """Return what Django says of an address before any view, in our words."""
    if isinstance(error, DisallowedHost):
        return InvalidError(
            "host_unknown",
            "This installation has another name: correct the host in "
            "MLFLOW_TRACKING_URI, or have it added to ATTESTRY_ALLOWED_HOSTS.",
        )
    if isinstance(error, Resolver404):  # only the workspace can be at fault
        return NotFoundError(
            "workspace_unknown",
            "There is no workspace of this name: check the path in "
            "MLFLOW_TRACKING_URI.",
        )
    return None


def _mlflow_answer(error: DomainError) -> HttpResponse:
    if error.code in MLFLOW_EXISTS:
        status, mlflow_code = 400, "RESOURCE_ALREADY_EXISTS"
    elif error.code in MLFLOW_INVALID:
        status, mlflow_code = 400, "INVALID_PARAMETER_VALUE"
    else:
        status, mlflow_code = STATUS[type(error)], MLFLOW_CODE[type(error)]
    return JsonResponse(
        {
            "error_code": mlflow_code,
            "message": _shortened(error.detail),
            "code": error.code,
            **error.extra,
        },
        status=status,
    )


def _shortened(sentence: str) -> str:
    """Leave out the middle of a sentence that repeats a long value of the request."""
    if len(sentence) <= LONGEST_MESSAGE:
        return sentence
    half = LONGEST_MESSAGE // 2
    return f"{sentence[:half]} […] {sentence[-half:]}"


def _mlflow_failure(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say in MLflow's shape that something broke here; our own log tells what."""
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return JsonResponse(
        {
            "error_code": "INTERNAL_ERROR",
            "message": "Attestry failed at this: its log says why. Nothing was stored.",
        },
        status=500,
    )


def nothing_here(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a path that no route matches; the pages get Django's own."""
    if not NATIVE_PATH.match(request.path):
        return page_not_found(request, exception)
    detail = "There is nothing here: check the path in /api/v1/docs/."
    return JsonResponse(
        _problem(404, "not_found", detail, {}),
        status=404,
        content_type="application/problem+json",
    )


def problem(error: DomainError) -> dict[str, Any]:
    """Return the problem document of an error (RFC 9457 section 3)."""
    return _problem(STATUS[type(error)], error.code, error.detail, error.extra)


def _problem(
    status: int, code: str, detail: str, extra: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": f"urn:attestry:error:{code}",
        "title": TITLE.get(status, "The request failed"),
        "status": status,
        "code": code,
        "detail": detail,
        **extra,
    }


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler: our errors, then its own, in one shape."""
    if isinstance(error, DomainError):
        return Response(
            problem(error),
            status=STATUS[type(error)],
            content_type="application/problem+json",
        )
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        fields = response.data
        response.data = _problem(
            400, "fields_invalid", _sentence(fields), {"fields": fields}
        )
        response.data = _encodable(response.data)
    elif isinstance(error, ParseError):
        detail = f"The body is not valid JSON: send one JSON object. ({error.detail})."
        response.data = _problem(400, "body_unreadable", detail, {})
    else:
        code = (
            error.get_codes()
            if isinstance(error, APIException)
            else DJANGO_CODE[response.status_code]
        )
        detail = str(getattr(error, "detail", error)) or "There is nothing here."
        response.data = _problem(response.status_code, str(code), detail, {})
    response.content_type = "application/problem+json"
    return response


def _sentence(fields: Any) -> str:
    named = fields.items() if isinstance(fields, dict) else [("the body", fields)]
    parts = (f"{name}: {' '.join(map(str, _flat(errors)))}" for name, errors in named)
    return "Correct these fields. " + " ".join(parts)


def _encodable(content: Any) -> Any:
    """Spell what is no character, as the value may be that an error repeats."""
    if isinstance(content, dict):
        return {_encodable(name): _encodable(part) for name, part in content.items()}
    if isinstance(content, list):
        return [_encodable(part) for part in content]
    if isinstance(content, str):
        return content.encode(errors="backslashreplace").decode()
    return content


def _flat(errors: Any) -> list[Any]:
    if isinstance(errors, dict):
        return [item for value in errors.values() for item in _flat(value)]
    return list(errors) if isinstance(errors, list | tuple) else [errors]
