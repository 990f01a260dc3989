from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tracking", "0022_data_are_found_by_digest")]

    operations = [
        migrations.AlterModelOptions(
            name="apitoken",
            options={"default_permissions": ("view",), "verbose_name": "API token"},
        )
    ]
