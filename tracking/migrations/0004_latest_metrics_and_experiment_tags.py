import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Window
from django.db.models.functions import RowNumber


def keep_latest_points(apps, schema_editor):
    """Write down the latest point of each metric that was logged before."""
    metric = apps.get_model("tracking", "Metric")
    latest = apps.get_model("tracking", "LatestMetric")
    rank = Window(
        RowNumber(),
        partition_by=[F("run_id"), F("key")],
        order_by=[F("step").desc(), F("timestamp_ms").desc(), F("value").desc()],
    )
    points = metric.objects.annotate(rank=rank).filter(rank=1)
    latest.objects.bulk_create(
        (
            latest(
                run_id=point.run_id,
                key=point.key,
                value=point.value,
                is_nan=point.is_nan,
                timestamp_ms=point.timestamp_ms,
                step=point.step,
            )
            for point in points.iterator(chunk_size=1000)
        ),
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0003_evidence_is_replaced_by_no_key"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExperimentTag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                ("value", models.TextField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="LatestMetric",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                ("value", models.FloatField()),
                ("is_nan", models.BooleanField(default=False)),
                ("timestamp_ms", models.BigIntegerField()),
                ("step", models.BigIntegerField(default=0)),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.AddIndex(
            model_name="metric",
            index=models.Index(
                fields=["run", "key", "timestamp_ms", "step", "value"],
                name="tracking_points_in_time_order",
            ),
        ),
        migrations.AddField(
            model_name="experimenttag",
            name="experiment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tags",
                to="tracking.experiment",
            ),
        ),
        migrations.AddField(
            model_name="latestmetric",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="latest_metrics",
                to="tracking.run",
            ),
        ),
        migrations.AddConstraint(
            model_name="experimenttag",
            constraint=models.UniqueConstraint(
                fields=("experiment", "key"),
                name="tracking_an_experiment_tag_has_one_value",
            ),
        ),
        migrations.AddIndex(
            model_name="latestmetric",
            index=models.Index(
                fields=["key", "value"], name="tracking_latest_by_value"
            ),
        ),
        migrations.AddConstraint(
            model_name="latestmetric",
            constraint=models.UniqueConstraint(
                fields=("run", "key"), name="tracking_a_metric_has_one_latest_point"
            ),
        ),
        migrations.RunPython(keep_latest_points, migrations.RunPython.noop),
    ]
