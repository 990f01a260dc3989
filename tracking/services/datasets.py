"""Datasets are registered without a run, and described by numbered cards, here."""

from collections.abc import Collection, Sequence
from datetime import date

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import pseudonym, record, refusals_recorded
from audit.tlog.canonical import digest
from tracking.authority import refuse_untold_role
from tracking.events import TrackingEvent
from tracking.models import Dataset, DatasetCard, DatasetLabeller, Workspace
from tracking.models.dataset import Sensitivity
from tracking.people import people_seen_by
from tracking.permissions import (
    Role,
    may_acknowledge_sensitive_data,
    may_describe_dataset,
)
from tracking.services.sensitive_data import notice_sensitive_card


def register_dataset(
    workspace: Workspace,
    *,
    name: str,
    content_digest: str,
    source_type: str,
    source: str,
    schema: str = "",
    profile: str = "",
    actor: User,
) -> Dataset:
    """Make a dataset known that no run has used; a run that names it later uses this one."""
    _refuse_strangers(workspace, actor)
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update().get(pk=workspace.pk)
        known = Dataset.objects.filter(
            workspace=workspace, name=name, digest=content_digest
        ).first()
        if known is not None:
            raise ConflictError(
                "dataset_exists",
                f"The dataset {known} is there already, with the id {known.pk}: describe "
                f"that one, or register other content under its own digest.",
                id=known.pk,
            )
        dataset = Dataset.objects.create(
            workspace=workspace,
            name=name,
            digest=content_digest,
            source_type=source_type,
            source=source,
            schema=schema,
            profile=profile,
        )
        record(
            TrackingEvent.DATASET_REGISTERED,
            actor=actor,
            subject=dataset.subject,
            payload={
                "name": name,
                "digest": content_digest,
                "content": digest(
                    {
                        "source_type": source_type,
                        "source": source,
                        "schema": schema,
                        "profile": profile,
                    }
                ),
            },
        )
    return dataset


def describe_dataset(
    dataset: Dataset,
    *,
    rows: int | None = None,
    window_start: date | None = None,
    window_end: date | None = None,
    labels: str = "",
    labellers: Sequence[str] = (),
    licence: str = "",
    sensitivity: Collection[str] | None = None,
    known_gaps: str = "",
    replaces: int | None = None,
    actor: User,
) -> DatasetCard:
    """State anew, and whole, what is known of a dataset; the newest card counts.

    `replaces` is the number of the card that this one was written against, 0 if there
    was none: ConflictError if there is a newer one. None says that nobody looked.

    `labellers` are usernames. `sensitivity` None says that nobody has looked yet, and an
    empty one that somebody has and no label applies. A label that is stated once is
    taken back by who keeps sensitive data only.
    """
    with (
        refusals_recorded(
            TrackingEvent.DATASET_REFUSED,
            actor=actor,
            subject=dataset.subject,
            payload={},
        ),
        transaction.atomic(),
    ):
        _refuse_strangers(dataset.workspace, actor)
        stated = _checked_sensitivity(sensitivity)
        _refuse_backward_window(window_start, window_end)
        people = _people(labellers, dataset, actor)
        # Cards get their numbers under the workspace's lock: the application may not
        # lock rows of append-only tables.
        Workspace.objects.select_for_update().get(pk=dataset.workspace_id)
        previous = dataset.cards.newest().first()
        refuse_replaced_card(replaces, previous.number if previous else 0)
        if previous and previous.sensitivity is not None and stated is None:
            raise InvalidError(
                "sensitivity_left_out",
                f"The card {previous.number} of {dataset} states its sensitivity and this "
                f"one would take that back: state it again, or [] if no label applies.",
            )
        if previous:
            _refuse_lifted_labels(previous, stated or [], actor)
        card = DatasetCard.objects.create(
            dataset=dataset,
            number=previous.number + 1 if previous else 1,
            rows=rows,
            window_start=window_start,
            window_end=window_end,
            labels=labels,
            licence=licence,
            sensitivity=stated,
            known_gaps=known_gaps,
            created_by=actor,
        )
        DatasetLabeller.objects.bulk_create(
            DatasetLabeller(card=card, user=person) for person in people
        )
        record(
            TrackingEvent.DATASET_DESCRIBED,
            actor=actor,
            subject=dataset.subject,
            payload={
                "number": card.number,
                "rows": rows,
                "window": [_day(window_start), _day(window_end)],
                "licence": licence,
                "sensitivity": stated,
                "labellers": [pseudonym(person) for person in people],
            },
            private={"labels": labels, "known_gaps": known_gaps},
        )
        notice_sensitive_card(card, actor=actor)
    return card


def refuse_replaced_card(replaces: int | None, newest: int) -> None:
    """Refuse a card that was not written against the newest, of whatever it describes."""
    if replaces not in {None, newest}:
        raise ConflictError(
            "card_replaced",
            f"Card {newest} is the newest and this one was written against card "
            f"{replaces}: read the newest one, and begin again with it.",
            newest=newest,
        )


def _refuse_strangers(workspace: Workspace, actor: User) -> None:
    if not may_describe_dataset(actor, workspace):
        raise PermissionDeniedError(
            "may_not_describe_dataset",
            f"You may not register or describe datasets in {workspace}: ask for the "
            f"developer role.",
        )


def _checked_sensitivity(sensitivity: Collection[str] | None) -> list[str] | None:
    if sensitivity is None:
        return None
    unknown = sorted(set(sensitivity) - set(Sensitivity.values))
    if unknown:
        raise InvalidError(
            "sensitivity_unknown",
            f"There is no sensitivity {unknown[0]!r}: state some of "
            f"{', '.join(Sensitivity.values)}.",
        )
    return [label for label in Sensitivity.values if label in sensitivity]


def _refuse_lifted_labels(
    previous: DatasetCard, stated: Collection[str], actor: User
) -> None:
    """Keep who uses the data from lifting what their versions are signed for."""
    lifted = [label for label in previous.sensitivity or () if label not in stated]
    workspace = previous.dataset.workspace
    if lifted and not may_acknowledge_sensitive_data(actor, workspace):
        raise PermissionDeniedError(
            "may_not_lift_sensitivity",
            f"You may not take {', '.join(lifted)} back from {previous.dataset}: state "
            f"it again, or ask the steward or ethics role to look at the data.",
        )
    if lifted:
        refuse_untold_role(actor, [Role.STEWARD, Role.ETHICS], workspace)


def _refuse_backward_window(start: date | None, end: date | None) -> None:
    if start and end and end < start:
        raise InvalidError(
            "window_backwards",
            f"The data end on {end} before they start on {start}: swap the two days.",
        )


def _people(usernames: Sequence[str], dataset: Dataset, actor: User) -> list[User]:
    """Return the accounts, by id; somebody who has left may have labelled, too.

    Whoever stands on a card is named on the next one, with a role or without.
    """
    named = User.objects.filter(username__in=usernames)
    on_a_card = DatasetLabeller.objects.filter(card__dataset=dataset)
    known = Q(pk__in=people_seen_by(actor)) | Q(pk__in=on_a_card.values("user"))
    found = named.filter(known).order_by("pk")
    unknown = sorted(set(usernames) - {user.username for user in found})
    if unknown:
        raise InvalidError(
            "labeller_unknown",
            f"There is no account {unknown[0]!r} that you may name: name labellers by "
            f"their usernames, and leave out those who have no role here.",
        )
    return list(found)


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
