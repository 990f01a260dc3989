"""A part of what nobody had to sign is validated afterwards, drawn so that all can redraw it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from audit.models import Event
from audit.proofs import log_head
from audit.sequencer import sequence_pending
from registry.models import (
    Delivery,
    Notification,
    PromotionRequest,
    RevalidationTrigger,
    Slot,
)
from registry.models.tier import Tier
from registry.services.due_dates import add_months, due_dates
from registry.services.sample_reviews import (
    digest_of_requests,
    draw_sample_reviews,
    drawn_from,
)
from tests import factories
from tracking.models import Workspace
from tracking.permissions import Role
from tracking.services.accounts import change_email
from tracking.services.workspaces import create_workspace

pytestmark = pytest.mark.django_db


def this_month() -> datetime:
    now = timezone.now().astimezone(UTC)
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month() -> datetime:
    return add_months(this_month(), 1)


def called() -> list[tuple[str, str, str | None]]:
    """Return model, kind and cause of every trigger."""
    return [
        (call.registered_model.name, call.kind, call.cause)
        for call in RevalidationTrigger.objects.order_by("pk")
    ]


def entries() -> list[tuple[str, dict[str, object]]]:
    found = Event.objects.filter(kind="registry.sample_review.drawn").order_by("pk")
    return [(one.subject, json.loads(bytes(one.body))["payload"]) for one in found]


def test_month_is_drawn_from_once_when_it_is_over(workspace, cast):
    requests = [
        factories.unsigned(workspace, cast, name).pk for name in ("news", "ads", "menu")
    ]
    sequence_pending()
    month, head = f"{this_month():%Y-%m}", log_head()

    early = draw_sample_reviews(next_month() - timedelta(microseconds=1))
    drawn = [draw_sample_reviews(next_month()) for _ in range(2)]
    late = draw_sample_reviews(add_months(next_month(), 1))

    assert (early, drawn, late) == (0, [1, 0], 0)
    [chosen] = drawn_from(requests, root=head.root)
    version = PromotionRequest.objects.get(pk=chosen).model_version
    cause = f"sample-review/default/{month}"
    assert called() == [(version.registered_model.name, "sample_review", cause)]
    assert entries() == [
        (
            "workspace/default",
            {
                "month": month,
                "population": 3,
                "population_digest": digest_of_requests(requests),
                "tree": {"size": head.size, "root": head.root},
                "drawn": [chosen],
            },
        )
    ]


@pytest.mark.parametrize(("months", "drawn"), [(1, 1), (3, 1), (4, 0)])
def test_month_is_made_up_for_after_an_outage(workspace, cast, months, drawn):
    factories.unsigned(workspace, cast)

    assert draw_sample_reviews(add_months(this_month(), months)) == drawn


def test_forged_trigger_keeps_nobody_from_drawing(workspace, cast):
    asked = factories.unsigned(workspace, cast)
    model = asked.model_version.registered_model
    RevalidationTrigger.objects.create(
        registered_model=model,
        kind="sample_review",
        cause=f"sample-review/default/{this_month():%Y-%m}",
        detail="Already drawn.",
        recorded_by=cast.alice,
        recorded_at=timezone.now(),
    )

    assert draw_sample_reviews(next_month()) == 1


def test_version_that_is_drawn_is_due_until_a_validator_has_looked(workspace, cast):
    asked = factories.unsigned(workspace, cast)
    slot = Slot.objects.with_champion().get()
    assert due_dates([slot], next_month())[slot.pk].why == ""

    draw_sample_reviews(next_month())

    due = due_dates([slot], next_month())[slot.pk]
    assert (due.why, due.at, slot.champion) == (
        "sample_review",
        next_month(),
        asked.model_version,
    )


def test_validators_are_told_what_was_drawn(workspace, cast, settings):
    settings.ATTESTRY_SENDS_MAIL = True
    settings.ATTESTRY_URL = "https://attestry.example.org"
    asked = factories.unsigned(workspace, cast)
    for person in (cast.alice, cast.bob, cast.rita, cast.olivia):
        change_email(person, email=f"{person}@example.org", actor=cast.ada)

    draw_sample_reviews(next_month())

    [told] = Notification.objects.all()
    document = json.loads(told.document)
    slot = Slot.objects.get()
    assert (document["type"], document["subject"], document["data"]) == (
        "dev.attestry.revalidation.wanted.v1",
        asked.model_version.subject,
        {
            "registered_model": "newsletter",
            "version": 1,
            "environments": ["production"],
            "kind": "sample_review",
            "url": f"https://attestry.example.org/admin/registry/slot/{slot.pk}/change/",
        },
    )
    assert [mail.recipient for mail in Delivery.objects.all()] == [cast.bob]


def test_what_people_signed_is_not_drawn_from(workspace, cast):
    factories.policy(workspace, cast)
    champion = factories.champion(workspace, cast)
    factories.tier(champion.registered_model, cast, Tier.LOW)

    assert draw_sample_reviews(next_month()) == 0
    assert (called(), entries()) == ([], [])


def test_what_serves_no_more_is_not_drawn_from(workspace, cast):
    gone = factories.unsigned(workspace, cast, "gone").model_version
    factories.retired(gone.registered_model, cast)
    assert draw_sample_reviews(next_month()) == 0
    stays = factories.unsigned(workspace, cast, "stays")

    assert draw_sample_reviews(next_month()) == 1
    [(_, payload)] = entries()
    assert (payload["population"], payload["drawn"]) == (1, [stays.pk])


def test_each_workspace_has_a_sample_of_its_own(workspace, cast):
    other = create_workspace("other", actor=cast.ada)
    for name, role in (
        ("alice", Role.DEVELOPER),
        ("olivia", Role.OWNER),
        ("rita", Role.RISK),
        ("paul", Role.POLICY_AUTHOR),
        ("rex", Role.RELEASE),
    ):
        factories.grant(getattr(cast, name), role, other)
    for home in (workspace, other):
        factories.unsigned(home, cast, f"of-{home}")

    assert draw_sample_reviews(next_month()) == 2

    assert {subject: payload["population"] for subject, payload in entries()} == {
        home.subject: 1 for home in Workspace.objects.all()
    }
    assert {name for name, *_ in called()} == {"of-default", "of-other"}


def test_sample_is_a_tenth_and_at_least_one_whatever_the_order():
    sizes = {n: len(drawn_from(range(n), root="ab12")) for n in (0, 1, 10, 11, 200)}
    assert sizes == {0: 0, 1: 1, 10: 1, 11: 2, 200: 20}
    assert drawn_from(range(30), root="ab12") == drawn_from(
        reversed(range(30)), root="ab12"
    )


def test_sample_is_that_of_the_published_rule():
    """As `printf ab12/7 | sha256sum` ranks the numbers 1 to 20."""
    assert drawn_from(range(1, 21), root="ab12") == [6, 17]
    assert drawn_from(range(1, 21), root="cd34") == [3, 12]
    assert digest_of_requests([12, 7]) == (
        "sha256:355515cbb69fb16fc2e5dbd59bb96ea210ff1b43e3b160e0023bcb54d16a835f"
    )
