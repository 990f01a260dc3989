from django.db import migrations

from audit.triggers import Keeper, keeps

KEEPERS = (
    Keeper(
        "registry_former_tags_of_models_are_kept",
        "registry_modeltag",
        "registered_model_id",
        """
    SELECT 'model/' || w.name || '/' || m.name
    FROM {schema}registry_registeredmodel m
    JOIN {schema}tracking_workspace w ON w.id = m.workspace_id
    WHERE m.id = OLD.registered_model_id""",
        "tracking_formertag",
    ),
    Keeper(
        "registry_former_tags_of_versions_are_kept",
        "registry_versiontag",
        "version_id",
        """
    SELECT 'version/' || w.name || '/' || m.name || '/' || v.number
    FROM {schema}registry_modelversion v
    JOIN {schema}registry_registeredmodel m ON m.id = v.registered_model_id
    JOIN {schema}tracking_workspace w ON w.id = m.workspace_id
    WHERE v.id = OLD.version_id""",
        "tracking_formertag",
    ),
)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0013_requests_are_invalidated_for_more_than_evidence"),
        ("tracking", "0003_former_tags_are_kept"),
    ]

    operations = [keeps(keeper) for keeper in KEEPERS]
