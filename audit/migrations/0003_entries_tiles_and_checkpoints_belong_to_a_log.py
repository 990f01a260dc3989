import django.db.models.deletion
from django.db import migrations, models


def keyed_by_log(related_name):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="audit.head",
    )


def new_id():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_events_and_entries_are_append_only")]

    operations = [
        # Nullable, so that SQLite adds the column without rebuilding the table, which
        # would drop its triggers.
        migrations.AddField(
            "event", "mac", models.BinaryField(max_length=32, null=True)
        ),
        migrations.RemoveConstraint("head", "audit_there_is_one_head"),
        migrations.AddField("head", "is_current", models.BooleanField(default=True)),
        migrations.AlterField(
            "head", "origin", models.CharField(max_length=200, unique=True)
        ),
        migrations.RenameField("head", "frontier", "edge"),
        migrations.AlterField("head", "edge", models.BinaryField()),
        migrations.AddConstraint(
            "head",
            models.UniqueConstraint(
                condition=models.Q(("is_current", True)),
                fields=("is_current",),
                name="audit_one_log_is_current",
            ),
        ),
        migrations.RenameModel("Entry", "EntryOfTheOneLog"),
        migrations.CreateModel(
            name="Entry",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="entry",
                        serialize=False,
                        to="audit.event",
                    ),
                ),
                ("index", models.PositiveBigIntegerField()),
                ("leaf_hash", models.BinaryField(max_length=32)),
                ("log", keyed_by_log("entries")),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("log", "index"), name="audit_one_entry_per_index"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredTile",
            fields=[
                ("id", new_id()),
                ("level", models.PositiveSmallIntegerField()),
                ("index", models.PositiveBigIntegerField()),
                ("hashes", models.BinaryField(max_length=8192)),
                ("log", keyed_by_log("tiles")),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("log", "level", "index"),
                        name="audit_one_tile_per_place",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredCheckpoint",
            fields=[
                ("id", new_id()),
                ("size", models.PositiveBigIntegerField()),
                ("note", models.BinaryField()),
                ("signed_at", models.DateTimeField(auto_now_add=True)),
                ("log", keyed_by_log("checkpoints")),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("log", "size"), name="audit_one_checkpoint_per_size"
                    )
                ],
            },
        ),
    ]
