"""What every call of a training run asks first, in queries written by hand.

Whose token is this, and may they see the workspace? May they see this run, and write to
it? The rows come back as models that hold just what such a call needs; anything else is
loaded when it is asked for. The tests hold the answers against `visible_to` and `holds`.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from tracking.models import ApiToken, Experiment, LoggedModel, Run, Workspace
from tracking.models.rights import given, sees
from tracking.models.rows import (
    any_of,
    columns,
    fetched,
    for_share,
    for_update,
    list_of,
    taken,
    with_any_of,
    with_any_of_texts,
)
from tracking.models.run import ENDED

# The columns of each; any other is loaded when it is asked for.
_TOKEN = ("id", "user_id", "expires_at", "revoked_at", "last_used_at", "scopes")
_USER = ("id", "is_superuser", "username", "is_active")
_WORKSPACE = ("id", "name")
_RUN = (
    *("id", "run_id", "experiment_id", "name", "status", "lifecycle_stage"),
    *("started_at", "ended_at", "frozen_at", "has_stale_seal", "created_by_id"),
)
_EXPERIMENT = (
    *("id", "workspace_id", "name", "lifecycle_stage"),
    *("created_by_id", "created_at", "updated_at"),
)
_MODEL = (
    *("id", "model_id", "experiment_id", "source_run_id", "name", "model_type"),
    *("status", "lifecycle_stage", "created_by_id", "created_at", "updated_at"),
)
_SOURCE = ("id", "run_id", "experiment_id", "frozen_at", "created_by_id")


# Put together from the words above and never from what somebody sends.
_SEES_WORKSPACE = sees(
    "'tracking'", "'workspace'", "'view_workspace'", pk="w.id", user="u.id"
)
_SEES_EXPERIMENT = sees(
    "'tracking'", "'experiment'", "'view_experiment'", pk="e.id", user="a.id"
)
_MAY_LOG = given(
    "'tracking'", "'experiment'", "'log_run'", pk="r.experiment_id", user="a.id"
)
_MAY_LOG_MODEL = given(
    "'tracking'", "'experiment'", "'log_run'", pk="g.experiment_id", user="a.id"
)
_ADMISSION = f"""
SELECT {columns("t", _TOKEN)}, {columns("u", _USER)}, {columns("w", _WORKSPACE)},
    w.id IS NOT NULL AND {_SEES_WORKSPACE},
    EXISTS (SELECT 1 FROM tracking_serviceaccount s WHERE s.user_id = u.id)
FROM tracking_apitoken t
JOIN auth_user u ON u.id = t.user_id
LEFT JOIN tracking_workspace w ON w.name = %s
WHERE t.sha256 = %s
"""  # noqa: S608 - words of this module

_VISIBLE_RUN = f"""
SELECT {columns("r", _RUN)}, {columns("u", _USER)}, {columns("e", _EXPERIMENT)}
FROM tracking_run r
JOIN tracking_experiment e ON e.id = r.experiment_id
JOIN auth_user u ON u.id = r.created_by_id
JOIN auth_user a ON a.id = %s
WHERE r.run_id = %s AND e.workspace_id = %s AND {_SEES_EXPERIMENT}
"""  # noqa: S608 - words of this module

_VISIBLE_EXPERIMENTS = f"""
SELECT {columns("e", _EXPERIMENT)}
FROM tracking_experiment e
JOIN auth_user a ON a.id = %s
WHERE e.workspace_id = %s AND (e.id {{any_of}} OR e.name = %s)
    AND {_SEES_EXPERIMENT}
"""  # noqa: S608 - words of this module
_LOCKED_RUN = f"""
SELECT {columns("r", _RUN)}, {_MAY_LOG}
FROM tracking_run r
JOIN auth_user a ON a.id = %s AND a.is_active
WHERE r.id = %s
"""  # noqa: S608 - words of this module
_VISIBLE_MODELS = f"""
SELECT {columns("g", _MODEL)}, {columns("e", _EXPERIMENT)}, {columns("r", _SOURCE)}
FROM tracking_loggedmodel g
JOIN tracking_experiment e ON e.id = g.experiment_id
LEFT JOIN tracking_run r ON r.id = g.source_run_id
JOIN auth_user a ON a.id = %s
WHERE g.model_id {{any_of_texts}} AND e.workspace_id = %s AND {_SEES_EXPERIMENT}
"""  # noqa: S608 - words of this module
_LOCKED_MODELS = f"""
SELECT {columns("g", _MODEL)}, {columns("r", _SOURCE)}
FROM tracking_loggedmodel g
LEFT JOIN tracking_run r ON r.id = g.source_run_id
JOIN auth_user a ON a.id = %s AND a.is_active
WHERE g.id {{any_of}} AND {_MAY_LOG_MODEL}
ORDER BY g.id
"""  # noqa: S608 - words of this module
_HELD_RUNS = "SELECT id FROM tracking_run WHERE id {any_of} ORDER BY id"
# The row of a run that the user sees and may log in as it stands, locked; if it has
# ended, its seal is stale from now on.
RUN_TO_LOG_IN = f"""
run AS (
    SELECT r.id, r.experiment_id, r.status, r.has_stale_seal FROM tracking_run r
    JOIN tracking_experiment e ON e.id = r.experiment_id
    JOIN auth_user a ON a.id = %s AND a.is_active
    WHERE r.run_id = %s AND e.workspace_id = %s AND {_SEES_EXPERIMENT} AND {_MAY_LOG}
        AND r.lifecycle_stage = 'active' AND r.frozen_at IS NULL
    FOR UPDATE OF r
), stale AS (
    UPDATE tracking_run SET has_stale_seal = true FROM run
    WHERE tracking_run.id = run.id AND NOT run.has_stale_seal
        AND run.status IN ({", ".join(f"'{status}'" for status in sorted(ENDED))}))
"""  # noqa: S608 - words of this module


def admission(
    sha256: str, *, workspace: str
) -> tuple[ApiToken | None, Workspace | None]:
    """Return the token of a digest, whatever its state, and the workspace if seen."""
    row = _one(_ADMISSION, [workspace, sha256])
    if row is None:
        return None, None
    *of_token, is_seen, is_program = row
    token, values = taken(ApiToken, _TOKEN, of_token)
    token.user, values = taken(User, _USER, values)
    if not is_program:
        token.user._state.fields_cache["service_account"] = None
    return token, taken(Workspace, _WORKSPACE, values)[0] if is_seen else None


def visible_run(run_id: str, *, workspace: Workspace, user: User) -> Run | None:
    """Return a run that the user may see, with its creator and experiment."""
    row = _one(_VISIBLE_RUN, [user.pk, run_id, workspace.pk])
    if row is None:
        return None
    run, values = taken(Run, _RUN, row)
    run.created_by, values = taken(User, _USER, values)
    run.experiment, _ = taken(Experiment, _EXPERIMENT, values)
    run.experiment.workspace = workspace
    return run


def visible_experiments(
    ids: Sequence[int], *, or_name: str | None = None, workspace: Workspace, user: User
) -> list[Experiment]:
    """Return those of the experiments that the user may see; one may be meant by name."""
    sql = with_any_of(_VISIBLE_EXPERIMENTS)
    rows = fetched(sql, [user.pk, workspace.pk, any_of(ids), or_name])
    found = [taken(Experiment, _EXPERIMENT, row)[0] for row in rows]
    for experiment in found:
        experiment.workspace = workspace
    return found


def visible_model(
    model_id: str, *, workspace: Workspace, user: User
) -> LoggedModel | None:
    """Return a logged model that the user may see, with its experiment and source run."""
    found = visible_models([model_id], workspace=workspace, user=user)
    return found[0] if found else None


def visible_models(
    model_ids: Sequence[str], *, workspace: Workspace, user: User
) -> list[LoggedModel]:
    """Return those of the logged models that the user may see, as `visible_model` does."""
    sql = with_any_of_texts(_VISIBLE_MODELS)
    rows = fetched(sql, [user.pk, list_of(model_ids), workspace.pk])
    found = []
    for row in rows:
        model, values = taken(LoggedModel, _MODEL, row)
        model.experiment, values = taken(Experiment, _EXPERIMENT, values)
        model.experiment.workspace = workspace
        model.source_run = _source(values)
        found.append(model)
    return found


def locked_run(run: Run, *, user: User) -> Run | None:
    """Return the run as it stands, locked, or None if the user may not log in it."""
    row = _one(_LOCKED_RUN + for_update("r"), [user.pk, run.pk])
    if row is None or not row[-1]:
        return None
    locked, _ = taken(Run, _RUN, row)
    locked.experiment, locked.created_by = run.experiment, run.created_by
    return locked


def locked_models(models: Sequence[LoggedModel], *, user: User) -> list[LoggedModel]:
    """Return those of the models that the user may log in, as they stand, locked.

    In the order of their keys, so that two who lock several never wait for each other.
    Their source runs are held before, by a query of its own: nobody freezes a run while a
    model of it changes, and what this reads of a run is not from before it was frozen.
    """
    sources = {model.source_run_id for model in models if model.source_run_id}
    if sources and connection.in_atomic_block:  # else nothing is held anyway
        fetched(with_any_of(_HELD_RUNS) + for_share(), [any_of([*sources])])
    given_here = {model.pk: model for model in models}
    sql = with_any_of(_LOCKED_MODELS) + for_update("g")
    found = []
    for row in fetched(sql, [user.pk, any_of([*given_here])]):
        locked, values = taken(LoggedModel, _MODEL, row)
        locked.experiment = given_here[locked.pk].experiment
        locked.source_run = _source(values)
        found.append(locked)
    return found


def _source(values: Sequence[Any]) -> Run | None:
    return None if values[0] is None else taken(Run, _SOURCE, values)[0]


def _one(sql: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
    rows = fetched(sql, parameters)
    return rows[0] if rows else None
