"""Reads the address that a version is to be made of, and finds the run or model there.

`runs:/<run id>/<path>`, `models:/<model id>`, `models:/<name>/<version>`,
`mlflow-artifacts:/<experiment id>/<run id>/artifacts/<path>` and
`mlflow-artifacts:/<experiment id>/models/<model id>/artifacts/<path>`.
"""

import re

from audit.errors import InvalidError, NotFoundError
from registry.mlflow_api.finding import named_version
from registry.services.version_content import Source
from tracking.mlflow_api.endpoint import Caller, visible_model, visible_run
from tracking.models import LoggedModel, Run
from tracking.services.artifacts import checked_path

_MODEL_ID = r"m-[0-9a-f]{32}"
_PATH = r"(?:/(?P<path>.*))?"
_OF_RUN = re.compile(rf"runs:/(?P<run>[^/]+){_PATH}")
_OF_MODEL = re.compile(rf"models:/(?P<model>{_MODEL_ID}){_PATH}")
_OF_VERSION = re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>\d+)")
_PROXIED = re.compile(
    rf"mlflow-artifacts:/(?P<experiment>\d+)/"
    rf"(?:models/(?P<model>{_MODEL_ID})|(?P<run>[^/]+))/artifacts{_PATH}"
)


def source_of(
    caller: Caller, *, address: str, run_id: str = "", model_id: str = ""
) -> Source:
    """Return what an address means; run and model, if named, must be those of it.

    Where unlinked versions are taken, an address may lead nowhere.
    """
    try:
        source = _found(caller, address)
    except NotFoundError:
        if not caller.workspace.allow_unlinked_versions:
            raise
        source = Source(address)
    for named, found in (
        (run_id, source.run.run_id if source.run else ""),
        (model_id, source.logged_model.model_id if source.logged_model else ""),
    ):
        if named and found and named != found:
            raise InvalidError(
                "source_differs",
                f"The source {address[:200]!r} is of {found}, not of {named[:100]}: "
                f"send the one that made the model.",
            )
    return source


def _found(caller: Caller, address: str) -> Source:
    if version := _OF_VERSION.fullmatch(address):
        copied = named_version(caller, version["name"], version["version"])
        return Source(address, copied.source_run, copied.logged_model, copied.path)
    for form in (_OF_MODEL, _OF_RUN, _PROXIED):
        if match := form.fullmatch(address):
            return _stored(caller, address, match.groupdict())
    return Source(address)


def _stored(caller: Caller, address: str, parts: dict[str, str | None]) -> Source:
    path = checked_path(parts["path"]) if parts["path"] else ""
    if model_id := parts.get("model"):
        model = visible_model(caller, model_id)
        _refuse_other_experiment(address, model, parts)
        return Source(address, model.source_run, model, path)
    run = visible_run(caller, parts["run"] or "")
    _refuse_other_experiment(address, run, parts)
    return Source(address, run, path=path)


def _refuse_other_experiment(
    address: str, holder: Run | LoggedModel, parts: dict[str, str | None]
) -> None:
    experiment = parts.get("experiment")
    if experiment and experiment != str(holder.experiment_id):
        raise InvalidError(
            "source_differs",
            f"The source {address[:200]!r} names another experiment than that of the "
            f"run or model in it: send its artifact URI as it was given.",
        )
