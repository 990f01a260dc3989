"""The way of MLflow's calls through Django, past what only pages and the native API need.

Training waits for each of these calls. They carry a token and no session, no form and no
message, so that most middleware would look at them in vain; that, and looking through the
list of all routes, took as long as an answer of the database.
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, resolve

from config.errors import MLFLOW_PATH, answer_to_plain_view

MOST_REMEMBERED, LONGEST_REMEMBERED_PATH = 1024, 200
_remembered: dict[str, ResolverMatch] = {}


class ShortWayMiddleware:
    """Answers MLflow's calls itself; stands after what every answer needs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not MLFLOW_PATH.match(request.path_info):
            return self.get_response(request)
        try:
            request.get_host()  # refuses names that are not ours, as CommonMiddleware does
            match = _resolved(request.path_info)
            request.resolver_match = match
            response: HttpResponseBase = match.func(
                request, *match.args, **match.kwargs
            )
        except Exception as error:
            refusal = answer_to_plain_view(request, error)
            if refusal is None:
                raise
            response = refusal
        if isinstance(response, HttpResponse) and not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


def _resolved(path: str) -> ResolverMatch:
    """Remember paths that come again: those of artifacts and logged models do not.

    What else was tried for one is kilobytes that nobody reads.
    """
    match = _remembered.get(path)
    if match is None:
        match = resolve(path)
        comes_again = match.kwargs.keys() <= {"workspace"} and not match.args
        if comes_again and len(path) <= LONGEST_REMEMBERED_PATH:
            match.tried = None
            if len(_remembered) >= MOST_REMEMBERED:
                _remembered.clear()
            _remembered[path] = match
    return match
