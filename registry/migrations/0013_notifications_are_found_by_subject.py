from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0012_what_comes_after_a_promotion")]

    operations = [
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(fields=["subject"], name="registry_notifications_about"),
        ),
    ]
