"""What every MLflow endpoint shares: who asks, in which workspace, with what message."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import quote

import msgspec
from django.contrib.auth.models import User
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from audit.errors import InvalidError, NotFoundError, UnauthenticatedError
from tracking import access
from tracking.mlflow_api.fields import IN_WORDS, Text
from tracking.models import Experiment, LoggedModel, Run, Workspace
from tracking.models.access import Scope
from tracking.models.experiment import DEFAULT_EXPERIMENT
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.services.logged_models import unknown_model
from tracking.services.tokens import (
    secret_in,
    ticket_for,
    user_and_workspace,
    user_and_workspace_of_ticket,
)

Message = TypeVar("Message", bound=msgspec.Struct)
View = Callable[..., HttpResponseBase]
_encoder = msgspec.json.Encoder()
# MLflow's clients call the experiment of runs that name none by this id.
DEFAULT_EXPERIMENT_ID = "0"
LARGEST_KEY = 2**63 - 1
TICKET = "X-Attestry-Ticket"
PLACE = ("page_token", "max_results")
SEARCHES = frozenset({"search", "search-datasets", "get-latest-versions"})


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, in a workspace that they may see."""

    user: User
    workspace: Workspace
    # Makes an absolute address of a path, as the caller reaches this installation.
    address: Callable[[str], str]


def answer(content: dict[str, Any]) -> HttpResponse:
    """Return JSON with status 200; MLflow's client takes any other for an error."""
    return HttpResponse(_encoder.encode(content), content_type="application/json")


def endpoint(
    message: type[Message],
) -> Callable[[Callable[[Caller, Message], dict[str, Any]]], View]:
    """Turn `view(caller, message) -> answer` into a Django view.

    What the path names is set on the message, whatever its body says.
    """

    def decorate(view: Callable[[Caller, Message], dict[str, Any]]) -> View:
        @wraps(view)
        def handle(
            request: HttpRequest, workspace: str = DEFAULT_WORKSPACE, **named: str
        ) -> HttpResponse:
            caller = authenticate(request, workspace)
            return answer(view(caller, read(request, message, named)))

        return handle

    return decorate


def question(caller: Caller, message: msgspec.Struct) -> list[Any]:
    """Return what was asked, apart from how much of the answer and from where on.

    A page token belongs to that: the workspace, the endpoint and the rest of its message.
    """
    asked = msgspec.to_builtins(message)
    for place in PLACE:
        asked.pop(place, None)
    kind = type(message)
    return [caller.workspace.name, kind.__module__, kind.__qualname__, asked]


def by_method(views: Mapping[str, View]) -> View:
    """Return the view of one path, which has another one for each method."""

    @csrf_exempt
    def handle(request: HttpRequest, **named: str) -> HttpResponseBase:
        view = views.get(request.method or "")
        return view(request, **named) if view else unknown_endpoint(request)

    return handle


def authenticate(request: HttpRequest, workspace: str) -> Caller:
    """Return who asks, by a token or by the ticket that stands for one in this call."""
    writes = scopes_for(request)
    if ticket := request.META.get("HTTP_X_ATTESTRY_TICKET"):
        call = f"{request.method} {request.path}"
        user, seen = user_and_workspace_of_ticket(
            ticket, workspace, call=call, writes=writes
        )
    else:
        user, seen = user_and_workspace(_secret(request), workspace, writes=writes)
    if seen is None:
        raise NotFoundError(
            "workspace_unknown",
            f"There is no workspace {workspace!r} that you may see: check the path in "
            f"MLFLOW_TRACKING_URI.",
        )
    return Caller(user, seen, request.build_absolute_uri)


def _secret(request: HttpRequest) -> str:
    secret = secret_in(request.META.get("HTTP_AUTHORIZATION", ""))
    if not secret:
        raise UnauthenticatedError(
            "token_missing",
            "Send an API token: set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME "
            "and MLFLOW_TRACKING_PASSWORD with the token as the password.",
        )
    return secret


def ticketed(request: HttpRequest, method: str, path: str) -> dict[str, Any]:
    """Return the address of another call, and the headers that make it the caller's own.

    `path` is not quoted yet. The headers hold a ticket and not the token, because answers
    are kept in places (traces, archives of pages) that leave out credentials of requests.
    """
    ticket = ticket_for(_secret(request), call=f"{method} {path}")
    url = request.build_absolute_uri(quote(path))
    return {"url": url, "headers": {TICKET: ticket}}


def scopes_for(request: HttpRequest) -> frozenset[Scope] | None:
    """Return the scopes of which this call needs one, by its route; None: it only reads.

    MLflow searches by POST. What moves versions between stages and aliases may change
    what serves, so that is promoting. The route, unlike the path, holds no word that a
    client chose.
    """
    match = request.resolver_match
    parts = frozenset(match.route.split("/") if match else ())
    if request.method in {"GET", "HEAD"} or parts & SEARCHES:
        return None
    if not parts & {"registered-models", "model-versions"}:
        return frozenset({Scope.TRACKING_WRITE})
    promotes = parts & {"transition-stage", "alias"}
    return frozenset({Scope.PROMOTE if promotes else Scope.REGISTRY_WRITE})


def read(
    request: HttpRequest, message: type[Message], named: Mapping[str, str]
) -> Message:
    """Return the message of a request; InvalidError says which field cannot be read."""
    try:
        if request.method == "GET":
            found = msgspec.convert(_query(request, message), message, strict=False)
        else:
            found = _decode(_json_body(request), message)
        # Set on a message, the parts of the path would be checked by nobody.
        named = {name: msgspec.convert(text, Text) for name, text in named.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError(
            "message_invalid",
            f"The message cannot be read: {_in_words(error)}. Correct the field.",
        ) from error
    for name, text in named.items():
        setattr(found, name, text)
    return found


def _in_words(error: Exception) -> str:
    text = str(error)
    for pattern, words in IN_WORDS.items():
        text = text.replace(f"matching regex {pattern!r}", words)
    return text


def _query(request: HttpRequest, message: type[Message]) -> dict[str, Any]:
    """Return the query; a field that is a list gets every value of its name."""
    lists = {
        field.encode_name
        for field in msgspec.structs.fields(message)
        if list in {get_origin(field.type), *map(get_origin, get_args(field.type))}
    }
    return {
        name: values if name in lists else values[-1]
        for name, values in request.GET.lists()
    }


def _json_body(request: HttpRequest) -> bytes:
    try:
        body = request.body
    except RequestDataTooBig:
        raise InvalidError(
            "body_too_large", "The message has more than 32 MB: send it in parts."
        ) from None
    if body and request.content_type != "application/json":
        raise InvalidError(
            "content_type_unknown",
            f"The message is {(request.content_type or '')[:100]!r}: send application/json.",
        )
    return body or b"{}"


def _decode(body: bytes, message: type[Message]) -> Message:
    try:
        return msgspec.json.decode(body, type=message, strict=False)
    except msgspec.ValidationError:
        # To MLflow a null is a field that was left out.
        content = msgspec.json.decode(body)
        without = _without_nulls(content)
        if without == content:
            raise
        return msgspec.convert(without, message, strict=False)


def _without_nulls(content: Any) -> Any:
    if isinstance(content, dict):
        return {
            key: _without_nulls(value)
            for key, value in content.items()
            if value is not None
        }
    if isinstance(content, list):
        return [_without_nulls(item) for item in content]
    return content


OUT_OF_SCOPE = {
    "traces": "traces",
    "unified-traces": "traces",
    "get-trace-artifact": "traces",
    "gateway": "the AI gateway",
    "gateway-proxy": "the AI gateway",
    "scorers": "scorers",
    "prompts": "prompts",
    "prompt-optimization": "prompts",
    "webhooks": "MLflow's webhooks",
}


@csrf_exempt
def unknown_endpoint(request: HttpRequest, **_path: str) -> HttpResponse:
    """Answer in MLflow's shape, so that its client can fall back."""
    parts = request.path.split("/")
    topics = [text for name, text in OUT_OF_SCOPE.items() if name in parts]
    message = (
        f"Attestry does not keep {topics[0]}: it tracks experiments, runs and models."
        if topics
        else f"Attestry does not offer {request.method} {request.path}."
    )
    return JsonResponse(
        {"error_code": "ENDPOINT_NOT_FOUND", "message": message}, status=404
    )


def visible_experiments(caller: Caller) -> Any:
    """Return a query set of what the caller may see in the workspace."""
    return (
        Experiment.objects.visible_to(caller.user)
        .filter(workspace=caller.workspace)
        .select_related("workspace")
    )


def visible_experiment(caller: Caller, experiment_id: str) -> Experiment:
    found = experiments_named(caller, [experiment_id])
    if not found:
        raise NotFoundError(
            "experiment_unknown",
            f"There is no experiment {experiment_id!r} in {caller.workspace} that you "
            f"may see: check the id.",
        )
    return found[0]


def home_of(caller: Caller, experiment_id: str) -> Experiment | Workspace:
    """Return where something goes: the default experiment is the workspace's to make."""
    if experiment_id == DEFAULT_EXPERIMENT_ID:
        return caller.workspace
    return visible_experiment(caller, experiment_id)


def experiments_named(caller: Caller, ids: Sequence[str]) -> list[Experiment]:
    """Return those of the experiments that the caller may see.

    InvalidError names what can be the id of none.
    """
    keys = {_experiment_key(name) for name in ids}
    return access.visible_experiments(
        [key for key in sorted(keys) if 0 < key <= LARGEST_KEY],
        or_name=DEFAULT_EXPERIMENT if int(DEFAULT_EXPERIMENT_ID) in keys else None,
        workspace=caller.workspace,
        user=caller.user,
    )


def _experiment_key(text: str) -> int:
    """Read an id as MLflow does: whatever Python takes for a whole number."""
    try:
        return int(text)
    except ValueError:
        raise InvalidError(
            "experiment_id_invalid",
            f"Invalid experiment ID {text[:100]!r}: send a whole number.",
        ) from None


def is_key(text: str) -> bool:
    """Say whether a text can be a primary key: a whole number of 64 bits."""
    return text.isdecimal() and len(text) < 19


def visible_run(caller: Caller, run_id: str) -> Run:
    run = access.visible_run(run_id, workspace=caller.workspace, user=caller.user)
    if run is None:
        raise NotFoundError(
            "run_unknown",
            f"There is no run {run_id!r} in {caller.workspace} that you may see: check "
            f"the id.",
        )
    return run


def visible_model(
    caller: Caller, model_id: str, *, with_archived: bool = False
) -> LoggedModel:
    model = access.visible_model(model_id, workspace=caller.workspace, user=caller.user)
    if model is None or not (model.is_active or with_archived):
        raise unknown_model(model_id, caller.workspace)
    return model
