"""That runs use sensitive data is noticed here, and acknowledged by who keeps them."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import record
from tracking.authority import refuse_untold_role
from tracking.events import TrackingEvent
from tracking.models import (
    Acknowledgement,
    Dataset,
    DatasetCard,
    DatasetInput,
    Run,
    SensitiveUse,
)
from tracking.permissions import Role, may_acknowledge_sensitive_data

ACKNOWLEDGED_WITHIN = timedelta(hours=72)


def notice_sensitive_use(run: Run, *, actor: User) -> None:
    """Start the clock for what a run uses for the first time, in the transaction.

    Whatever name the run calls the data by: their digest tells.
    """
    used = Dataset.objects.filter(
        uses__run=run,
        workspace=OuterRef("dataset__workspace"),
        digest=OuterRef("dataset__digest"),
    )
    sensitive = (
        DatasetCard.objects.calling_sensitive()
        .filter(Exists(used))
        .exclude(dataset__sensitive_uses__run=run)
        .select_related("dataset__workspace")
        .order_by("dataset")
    )
    now = timezone.now()
    for card in sensitive:
        _notice(run, card, now=now, actor=actor)


def notice_sensitive_card(card: DatasetCard, *, actor: User) -> None:
    """Start the clocks of all runs that used the data before a card called it sensitive.

    In the transaction of the card; whoever logs to a run at that very moment may miss it.
    """
    if not card.sensitivity:
        return
    now = timezone.now()
    used_before = DatasetInput.objects.filter(
        dataset__workspace=card.dataset.workspace_id,
        dataset__digest=card.dataset.digest,
    )
    runs = Run.objects.filter(pk__in=used_before.values("run")).exclude(
        sensitive_uses__dataset=card.dataset_id
    )
    for run in runs.order_by("pk"):
        _notice(run, card, now=now, actor=actor)


def _notice(run: Run, card: DatasetCard, *, now: datetime, actor: User) -> None:
    use = SensitiveUse.objects.create(
        run=run,
        dataset=card.dataset,
        labels=card.sensitivity,
        noticed_at=now,
        acknowledge_by=now + ACKNOWLEDGED_WITHIN,
    )
    record(
        TrackingEvent.SENSITIVE_DATASET_USED,
        actor=actor,
        subject=card.dataset.subject,
        payload={
            "use": use.pk,
            "run": run.run_id,
            "labels": use.labels,
            "acknowledge_by": use.acknowledge_by.isoformat(),
        },
    )


def acknowledge_sensitive_use(
    use: SensitiveUse, *, note: str, actor: User
) -> Acknowledgement:
    """Take note of a sensitive use and stop its clock."""
    workspace = use.dataset.workspace
    if not may_acknowledge_sensitive_data(actor, workspace):
        raise PermissionDeniedError(
            "may_not_acknowledge",
            f"You may not acknowledge the use of sensitive data in {workspace}: ask for "
            f"the steward or ethics role.",
        )
    refuse_untold_role(actor, [Role.STEWARD, Role.ETHICS], workspace)
    with transaction.atomic():
        # The application may not lock rows of append-only tables.
        Run.objects.select_for_update().get(pk=use.run_id)
        if Acknowledgement.objects.filter(use=use).exists():
            raise ConflictError(
                "acknowledged_already", "Somebody has acknowledged this use already."
            )
        now = timezone.now()
        acknowledged = Acknowledgement.objects.create(
            use=use, acknowledged_by=actor, note=note, acknowledged_at=now
        )
        record(
            TrackingEvent.SENSITIVE_DATASET_ACKNOWLEDGED,
            actor=actor,
            subject=use.dataset.subject,
            payload={
                "use": use.pk,
                "run": use.run.run_id,
                "is_late": now > use.acknowledge_by,
            },
            private={"note": note},
        )
    return acknowledged
