from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tracking", "0013_uses_of_sensitive_data")]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="scopes",
            field=models.CharField(blank=True, default="", max_length=200),
            preserve_default=False,
        ),
    ]
