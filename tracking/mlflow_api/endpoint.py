"""What every MLflow endpoint shares: who asks, in which workspace, with what message."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import msgspec
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from audit.errors import InvalidError, NotFoundError, UnauthenticatedError
from tracking.models import Experiment, Run, Workspace
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.services.tokens import secret_in, user_of_token

Message = TypeVar("Message", bound=msgspec.Struct)
View = Callable[..., HttpResponse]
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, in a workspace that they may see."""

    user: User
    workspace: Workspace


def answer(content: dict[str, Any]) -> HttpResponse:
    """Return JSON with status 200; MLflow's client takes any other for an error."""
    return HttpResponse(_encoder.encode(content), content_type="application/json")


def endpoint(
    method: str, message: type[Message]
) -> Callable[[Callable[[Caller, Message], dict[str, Any]]], View]:
    """Turn `view(caller, message) -> answer` into a Django view of one method."""

    def decorate(view: Callable[[Caller, Message], dict[str, Any]]) -> View:
        @csrf_exempt
        @wraps(view)
        def handle(
            request: HttpRequest, workspace: str = DEFAULT_WORKSPACE
        ) -> HttpResponse:
            if request.method != method:
                return unknown_endpoint(request)
            caller = authenticate(request, workspace)
            return answer(view(caller, _read(request, message)))

        return handle

    return decorate


def authenticate(request: HttpRequest, workspace: str) -> Caller:
    """Return who asks; the token is the only credential that this API takes."""
    secret = secret_in(request.headers.get("Authorization", ""))
    if not secret:
        raise UnauthenticatedError(
            "token_missing",
            "Send an API token: set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME "
            "and MLFLOW_TRACKING_PASSWORD with the token as the password.",
        )
    user = user_of_token(secret)
    seen = Workspace.objects.visible_to(user).filter(name=workspace).first()
    if seen is None:
        raise NotFoundError(
            "workspace_unknown",
            f"There is no workspace {workspace!r} that you may see: check the path in "
            f"MLFLOW_TRACKING_URI.",
        )
    return Caller(user, seen)


def _read(request: HttpRequest, message: type[Message]) -> Message:
    try:
        if request.method == "GET":
            return msgspec.convert(request.GET.dict(), message, strict=False)
        return msgspec.json.decode(request.body or b"{}", type=message, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidError(
            "message_invalid",
            f"The message cannot be read: {error}. Correct the field.",
        ) from error


@csrf_exempt
def unknown_endpoint(request: HttpRequest, **_path: str) -> HttpResponse:
    """Answer in MLflow's shape, so that its client can fall back."""
    return JsonResponse(
        {
            "error_code": "ENDPOINT_NOT_FOUND",
            "message": f"Attestry does not offer {request.method} {request.path}.",
        },
        status=404,
    )


def visible_experiment(caller: Caller, experiment_id: str) -> Experiment:
    experiments = Experiment.objects.visible_to(caller.user)
    experiment = (
        experiments.filter(workspace=caller.workspace, pk=int(experiment_id))
        .select_related("workspace")
        .first()
        if experiment_id.isdecimal() and len(experiment_id) < 19
        else None
    )
    if experiment is None:
        raise NotFoundError(
            "experiment_unknown",
            f"There is no experiment {experiment_id!r} in {caller.workspace} that you "
            f"may see: check the id.",
        )
    return experiment


def visible_run(caller: Caller, run_id: str) -> Run:
    run = (
        Run.objects.visible_to(caller.user)
        .filter(experiment__workspace=caller.workspace, run_id=run_id)
        .select_related("experiment__workspace", "created_by")
        .first()
    )
    if run is None:
        raise NotFoundError(
            "run_unknown",
            f"There is no run {run_id!r} in {caller.workspace} that you may see: check "
            f"the id.",
        )
    return run
