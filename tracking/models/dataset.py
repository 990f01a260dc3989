"""A dataset by name and digest, its use by a run, and what people state about it later."""

import json
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, F, OuterRef, Prefetch, Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from tracking.models.run import Run
from tracking.models.workspace import Workspace

# MLflow's tag of the use; "output" says that the run made the dataset.
CONTEXT_TAG = "mlflow.data.context"
OUTPUT = "output"
DELTA = "delta_table"  # as MLflow's DeltaDatasetSource names itself
DVC = "dvc"


class Sensitivity(models.TextChoices):
    """Why a dataset must be handled with care; a dataset may have several reasons."""

    PII = "pii"
    PHI = "phi"
    SPECIAL_CATEGORY = "special_category"
    MINORS = "minors"
    CONFIDENTIAL = "confidential"


class DatasetQuerySet(models.QuerySet["Dataset"]):
    """Questions about many datasets."""

    def visible_to(self, user: User) -> Self:
        """Whoever sees a workspace sees its datasets, though not all runs that use them."""
        return self.filter(workspace__in=Workspace.objects.visible_to(user))

    def with_newest_card(self) -> Self:
        """Fetch what `newest_card` reads, in two queries however many datasets."""
        newest = DatasetCard.objects.newest().with_people()
        return self.prefetch_related(
            Prefetch("cards", newest, to_attr="newest_cards")
        ).select_related("workspace")

    def same_data_as(self, uses: "DatasetInputQuerySet") -> Self:
        """Keep the data of the uses, whatever name they have: their digest tells.

        No client may send an empty digest; were there one, it would tell nothing.
        """
        same = uses.filter(
            dataset__workspace=OuterRef("workspace"), dataset__digest=OuterRef("digest")
        )
        return self.filter(Exists(same)).exclude(digest="")

    def sensitive(self, label: str) -> Self:
        """Keep those whose newest card states the label."""
        stated = DatasetCard.objects.newest().stating(label)
        return self.filter(Exists(stated.filter(dataset=OuterRef("pk"))))

    def stated_not_sensitive(self) -> Self:
        """Keep those of which somebody stated that no label applies."""
        stated = DatasetCard.objects.newest().filter(sensitivity=[])
        return self.filter(Exists(stated.filter(dataset=OuterRef("pk"))))

    def of_unstated_sensitivity(self) -> Self:
        """Keep those of which nobody has said whether they are sensitive."""
        stated = DatasetCard.objects.newest().filter(sensitivity__isnull=False)
        return self.filter(~Exists(stated.filter(dataset=OuterRef("pk"))))


class Dataset(models.Model):
    """Immutable: other content has another digest and so is another dataset."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="datasets")
    name = models.CharField(max_length=500)
    digest = models.CharField(max_length=36)
    source_type = models.CharField(max_length=500)
    source = models.TextField()
    schema = models.TextField(blank=True)
    profile = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "name", "digest"],
                name="tracking_a_dataset_is_its_name_and_digest",
            )
        ]
        # The same data may be known by several names.
        indexes: ClassVar = [
            models.Index(fields=["workspace", "digest"], name="tracking_data_by_digest")
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"

    @property
    def subject(self) -> str:
        return f"dataset/{self.workspace.name}/{self.pk}"

    @property
    def row_count(self) -> int | None:
        """Return `num_rows` of the profile, as MLflow's datasets state it."""
        rows = _object_in(self.profile).get("num_rows")
        return rows if isinstance(rows, int) else None

    @property
    def origin(self) -> str | None:
        """Return the Delta table or the path under DVC; None for any other source."""
        source = _object_in(self.source)
        if self.source_type == DELTA:
            return _text(source.get("delta_table_name") or source.get("path"))
        return _text(source.get("path")) if self.source_type == DVC else None

    @property
    def version(self) -> str | None:
        """Return the version of the Delta table, or the MD5 that DVC knows it by.

        MLflow leaves version 0 of a Delta table out, so that it reads as unknown.
        """
        source = _object_in(self.source)
        if self.source_type == DELTA:
            return _text(source.get("delta_table_version"))
        return _text(source.get("md5")) if self.source_type == DVC else None

    @property
    def newest_card(self) -> "DatasetCard | None":
        """Return what `with_newest_card()` fetched; the newest number counts."""
        cards: list[DatasetCard] = self.newest_cards  # type: ignore[attr-defined]  # set by the prefetch
        return cards[0] if cards else None


def _object_in(text: str) -> dict[str, Any]:
    """Return the JSON object in a text that a client sent; anything else is empty."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    is_plain = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if is_plain else None


class DatasetInputQuerySet(models.QuerySet["DatasetInput"]):
    """Questions about many uses."""

    def _with_context(self) -> Self:
        context = KeyTextTransform(CONTEXT_TAG, "tags")
        return self.annotate(said=Coalesce(context, Value("", models.TextField())))

    def used(self) -> Self:
        """Keep what runs worked with."""
        return self._with_context().exclude(said=OUTPUT)

    def produced(self) -> Self:
        """Keep what runs made."""
        return self._with_context().filter(said=OUTPUT)


class DatasetInput(models.Model):
    """A run used a dataset, in a context such as training or test."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="dataset_inputs")
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="uses")
    tags = models.JSONField(default=dict)

    objects = DatasetInputQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "dataset"], name="tracking_a_run_names_a_dataset_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id} in run {self.run_id}"

    @property
    def context(self) -> str:
        return str(self.tags.get(CONTEXT_TAG, ""))


class DatasetCardQuerySet(models.QuerySet["DatasetCard"]):
    """Questions about many cards."""

    def newest(self) -> Self:
        """Keep the card with the greatest number of each dataset: the one that counts."""
        later = DatasetCard.objects.filter(
            dataset=OuterRef("dataset"), number__gt=OuterRef("number")
        )
        return self.filter(~Exists(later))

    def calling_sensitive(self) -> Self:
        """Keep those that count and state any sensitivity."""
        return self.newest().filter(sensitivity__isnull=False).exclude(sensitivity=[])

    def stating(self, label: str) -> Self:
        """Keep those that state a sensitivity.

        By the text of the list, because SQLite's JSON has no containment; a label of the
        closed set in its quotes stands in no other label.
        """
        as_text = Cast("sensitivity", models.TextField())
        return self.annotate(stated=as_text).filter(stated__contains=f'"{label}"')

    def with_people(self) -> Self:
        return self.select_related("created_by").prefetch_related("labellers__user")


class DatasetCard(models.Model):
    """What somebody stated about a dataset; append-only, a later card replaces it whole.

    A null says that nothing was stated, which is not the same as none.
    """

    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="cards")
    number = models.PositiveIntegerField()
    rows = models.PositiveBigIntegerField(null=True)
    window_start = models.DateField(null=True)
    window_end = models.DateField(null=True)
    labels = models.TextField(blank=True)
    licence = models.CharField(max_length=200, blank=True)
    sensitivity = models.JSONField(null=True)
    known_gaps = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetCardQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["dataset", "number"],
                name="tracking_card_numbers_are_unique_for_a_dataset",
            ),
            models.CheckConstraint(
                condition=Q(window_start__isnull=True)
                | Q(window_end__isnull=True)
                | Q(window_start__lte=F("window_end")),
                name="tracking_a_window_starts_before_it_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"card {self.number} of dataset {self.dataset_id}"

    def states_otherwise(self, other: "DatasetCard") -> bool:
        """Say whether it tells anything else of the data, whoever labelled them."""
        told = (
            "rows",
            "window_start",
            "window_end",
            "labels",
            "licence",
            "sensitivity",
            "known_gaps",
        )
        return any(getattr(self, name) != getattr(other, name) for name in told)


class DatasetLabeller(models.Model):
    """Somebody who labelled a dataset, as a card states; append-only.

    A row of its own, so that it can be asked whether somebody labelled what a model
    rests on, whatever later cards leave out.
    """

    card = models.ForeignKey(DatasetCard, models.PROTECT, related_name="labellers")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="labelled"
    )

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["card", "user"], name="tracking_a_card_names_a_labeller_once"
            )
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} on card {self.card_id}"
