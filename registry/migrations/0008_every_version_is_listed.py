from django.db import migrations


def list_every_version(apps, _schema_editor):
    versions = apps.get_model("registry", "ModelVersion").objects.all()
    listing = apps.get_model("registry", "VersionListing")
    listing.objects.bulk_create(
        listing(version_id=pk, registered_model_id=model, updated_at=created_at)
        for pk, model, created_at in versions.values_list(
            "pk", "registered_model_id", "created_at"
        )
    )


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_what_mlflows_registry_keeps")]

    operations = [migrations.RunPython(list_every_version, migrations.RunPython.noop)]
