"""What models and versions hold, as rows for their lines: one query, however many.

By hand, because every call of MLflow's clients asks for it and nobody needs these rows
as objects.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from tracking.models.rows import any_of, fetched, with_any_of

# An environment is governed in a workspace once a policy was published for it there.
_GOVERNED = """
SELECT DISTINCT p.environment FROM registry_policy p
JOIN registry_policypublication u ON u.policy_id = p.id
LEFT JOIN registry_registeredmodel m ON m.id = p.registered_model_id
WHERE (p.workspace_id = %s OR m.workspace_id = %s) AND u.published_at <= %s
"""
# The slots of some models and the version that serves there, as `Slot.serving` says.
SERVING = """
FROM registry_slot s
LEFT JOIN registry_breakglassconfirmation b ON b.id = s.break_glass_id
JOIN registry_modelversion v ON v.id =
    CASE WHEN b.expires_at <= %s
        THEN (SELECT f.id FROM registry_modelversion f WHERE f.id = b.fallback_id
            AND NOT EXISTS (SELECT 1 FROM registry_retirement t
                WHERE t.registered_model_id = f.registered_model_id
                    AND (t.model_version_id = f.id OR t.model_version_id IS NULL)))
        ELSE s.champion_id END
WHERE s.registered_model_id {any_of}
"""
_FACTS = f"""
SELECT 'governed', 0, environment, '', 0 FROM ({_GOVERNED}) g
UNION ALL
SELECT 'slot', s.registered_model_id, s.environment, CAST(v.id AS text), v.number
{SERVING}
UNION ALL
SELECT 'alias', a.registered_model_id, a.name, '', v.number
FROM registry_alias a JOIN registry_modelversion v ON v.id = a.version_id
WHERE a.registered_model_id {{any_of}}
UNION ALL
SELECT 'model tag', t.registered_model_id, t.key, t.value, 0
FROM registry_modeltag t WHERE t.registered_model_id {{any_of}}
UNION ALL
SELECT 'version tag', t.version_id, t.key, t.value, 0
FROM registry_versiontag t WHERE t.version_id {{any_of}}
"""  # noqa: S608 - words of this module


def governed_environments(workspace: int) -> list[str]:
    """Return the environments of a workspace for which a policy was ever published."""
    return [name for (name,) in fetched(_GOVERNED, _whose(workspace))]


def facts(
    workspace: int, *, models: Sequence[int], versions: Sequence[int]
) -> list[Sequence[Any]]:
    """Return `(kind, owner, key, value, number)` of some models and versions.

    Kinds are governed, slot (with key and number of who serves), alias (with a number),
    model tag and version tag.
    """
    in_models, in_versions = any_of(models), any_of(versions)
    parameters = [
        *_whose(workspace),
        now(),
        *(in_models, in_models, in_models, in_versions),
    ]
    return fetched(with_any_of(_FACTS), parameters)


def _whose(workspace: int) -> list[Any]:
    return [workspace, workspace, now()]


def now() -> Any:
    return connection.ops.adapt_datetimefield_value(timezone.now())
