"""Acts on the page of a request: rejecting, waiving, attesting, ending; each a page."""

import pytest

from registry.models import PromotionRequest, RequestState
from tests import factories
from tests.registry.reviewing import REQUESTS, as_person, page, said, text

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def act_page(subject: PromotionRequest, act: str) -> str:
    return f"{REQUESTS}{subject.pk}/acts/{act}/"


def test_reviewer_rejects_on_a_page_of_its_own(in_review, cast):
    bob = as_person(cast.bob)
    shown = text(bob.get(page(in_review)))
    assert "Reject …" in shown
    assert "Bob Example (" in shown  # who opened the evidence

    asked = bob.get(act_page(in_review, "reject"))
    assert [
        value for value, _ in asked.context["form"].fields["role"].widget.choices
    ] == ["validator"]
    wrong = bob.post(act_page(in_review, "reject"), rejecting(in_review, "guessed"))
    assert "password" in wrong.context["form"].errors
    done = bob.post(act_page(in_review, "reject"), rejecting(in_review))

    assert (done.status_code, done["Location"]) == (302, page(in_review))
    shown = text(bob.get(page(in_review)))
    assert "The test set is old. (Bob Example as validator" in shown
    assert "Reject …" not in shown


def rejecting(subject: PromotionRequest, password=factories.PASSWORD) -> dict[str, str]:
    return {
        "role": "validator",
        "reason": "The test set is old.",
        "password": password,
        "seen_digest": subject.subject_digest,
    }


def test_waiver_is_asked_for_approved_and_withdrawn_on_pages(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    alice, rita = as_person(cast.alice), as_person(cast.rita)
    assert "Ask for a waiver …" in text(alice.get(page(blocked)))

    asked = alice.post(
        act_page(blocked, "ask-for-waiver"),
        {
            "gate": "auc",
            "scope": "request",
            "reason": "The old one is worse.",
            "compensating_control": "People look at it.",
            "residual_risk": "Slower.",
            "days": "30",
        },
    )
    assert said(asked)[0].startswith("Asked for.")
    waiver = blocked.waivers.get()
    shown = text(rita.get(page(blocked)))
    assert "Approve a waiver …" in shown
    assert "asked for; this request" in shown
    approval = {"waiver": str(waiver.pk), "reason": "Fine.", "password": "guessed"}
    refused = rita.post(act_page(blocked, "approve-waiver"), approval)
    assert "password" in refused.context["form"].errors
    approval["password"] = factories.PASSWORD
    rita.post(act_page(blocked, "approve-waiver"), approval)

    shown = text(rita.get(page(blocked)))
    assert ">waived</span>" in shown
    assert "the verdict is fail." in shown
    assert "in review</span>" in shown
    withdrawal = {"waiver": str(waiver.pk), "reason": "The people left."}
    rita.post(act_page(blocked, "withdraw-waiver"), withdrawal)
    assert factories.fresh(blocked).state == RequestState.BLOCKED


def test_attestation_withdrawal_and_revocation_have_pages(workspace, cast):
    wanted = "attestations: [{kind: rollback_plan, accepts: [human]}]\n"
    factories.policy(workspace, cast, factories.POLICY + wanted)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    olivia, alice = as_person(cast.olivia), as_person(cast.alice)
    assert "Nobody has attested: rollback_plan" in text(olivia.get(page(asked)))

    olivia.post(
        act_page(asked, "attest"),
        {
            "kind": "rollback_plan",
            "statement": "Tried on Monday.",
            "days": "90",
            "password": factories.PASSWORD,
        },
    )
    assert factories.fresh(asked).state == RequestState.IN_REVIEW
    assert "valid, counts; Olivia Example" in text(olivia.get(page(asked)))
    alice.post(act_page(asked, "withdraw"), {"reason": "Wrong version."})
    assert factories.fresh(asked).state == RequestState.WITHDRAWN

    again = factories.evaluated(asked.model_version, cast)
    revoked = {"reason": "Labels were swapped.", "password": factories.PASSWORD}
    as_person(cast.rita).post(act_page(again, "invalidate"), revoked)
    assert factories.fresh(again).state == RequestState.INVALIDATED


@pytest.mark.parametrize(
    "act", ["reject", "withdraw", "invalidate", "ask-for-waiver", "attest"]
)
def test_act_that_is_not_theirs_is_refused_in_words(in_review, cast, act):
    carol = as_person(cast.carol)
    assert carol.get(act_page(in_review, act)).status_code == 200

    everything = rejecting(in_review) | {
        "gate": "auc",
        "scope": "request",
        "compensating_control": "c",
        "residual_risk": "r",
        "days": "3",
        "kind": "canary",
        "statement": "s",
    }
    response = carol.post(act_page(in_review, act), everything)

    assert "You may not" in text(response)
    assert factories.fresh(in_review).state == RequestState.IN_REVIEW


def test_unknown_act_is_not_found(in_review, cast):
    assert as_person(cast.bob).get(act_page(in_review, "bless")).status_code == 404
