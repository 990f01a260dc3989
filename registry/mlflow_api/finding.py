"""How the registry's endpoints find what a message names; 404 for what one cannot see."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import QuerySet

from audit.errors import ConflictError, InvalidError, NotFoundError
from registry.models import ModelVersion, RegisteredModel
from registry.models.lines import visible_model, visible_version
from registry.services.standing import standing_of
from tracking.mlflow_api.endpoint import Caller

LATEST = "latest"
LARGEST_NUMBER = 2**31 - 1


def visible_models(caller: Caller) -> QuerySet[RegisteredModel]:
    return (
        RegisteredModel.objects.seen_by(caller.user)
        .filter(workspace=caller.workspace)
        .active()
    )


def visible_versions(caller: Caller) -> QuerySet[ModelVersion]:
    """Return the listed versions."""
    return ModelVersion.objects.seen_by(caller.user).filter(
        registered_model__workspace=caller.workspace,
        registered_model__archived_at=None,
        listing__archived_at=None,
    )


def named_model(caller: Caller, name: str) -> RegisteredModel:
    model = visible_model(name, workspace=caller.workspace, user=caller.user)
    if model is None:
        raise NotFoundError(
            "model_unknown",
            f"Registered Model with name={name[:300]} not found in {caller.workspace}: "
            f"check the name.",
        )
    return model


def named_version(caller: Caller, name: str, version: str) -> ModelVersion:
    number = _number(version)
    found = visible_version(name, number, workspace=caller.workspace, user=caller.user)
    if found is None:
        raise NotFoundError(
            "version_unknown",
            f"Model Version (name={name[:300]}, version={number}) not found in "
            f"{caller.workspace}: check name and number.",
        )
    return found


def aliased_version(caller: Caller, model: RegisteredModel, alias: str) -> ModelVersion:
    """Return the version that an alias means; MLflow's `latest` is the newest one.

    Not so where an environment of that name is governed: there a slot says who serves.
    """
    standing = standing_of(model)
    if number := standing.aliases().get(alias):
        return named_version(caller, model.name, str(number))
    if alias.casefold() != LATEST or standing.environment_of(alias):
        raise InvalidError(
            "alias_unknown",
            f"Registered model alias {alias} not found: {model} has none of that name.",
        )
    versions = visible_versions(caller).filter(registered_model=model)
    newest = versions.order_by("-number").values_list("number", flat=True).first()
    if newest is None:
        raise NotFoundError(
            "version_unknown",
            f"Latest version not found for model {model}: register one.",
        )
    return named_version(caller, model.name, str(newest))


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < len(text) < 11 or int(text) > LARGEST_NUMBER:
        raise InvalidError(
            "version_invalid",
            f"A version is a whole number, not {text[:100]!r}: correct it.",
        )
    return int(text)


@contextmanager
def saying_where_to_ask(caller: Caller) -> Iterator[None]:
    """Add to the refusal of a promotion where somebody can ask for it."""
    try:
        yield
    except ConflictError as refusal:
        if refusal.code != "not_approved":
            raise
        asked = refusal.extra["request"]
        place = f"/w/{caller.workspace}/api/v1/promotion-requests/"
        if asked is not None:
            place = f"/admin/registry/promotionrequest/{asked}/change/"
        raise ConflictError(
            refusal.code, refusal.detail, **refusal.extra, ask_at=caller.address(place)
        ) from refusal
