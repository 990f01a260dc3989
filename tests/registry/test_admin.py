"""The registry's pages for reviewers: what they show, offer and refuse."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from audit.proofs import trail
from registry.models import (
    PromotionRequest,
    RegisteredModel,
    RequestState,
    SignOff,
    Slot,
)
from registry.models.sign_off import SignerRole
from registry.services.promotion import evaluate_again
from registry.services.waiting import waiting_for
from tests import factories
from tests.registry.reviewing import REQUESTS, as_person, page, said, text
from tracking.permissions import Role
from tracking.services.role_grants import approve_role, ask_for_role

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LISTS = {
    "registry/promotionrequest/": 14,
    "registry/modelversion/": 12,
    "registry/registeredmodel/": 22,
    "registry/policy/": 11,
    "registry/slot/": 12,
}


def form(subject: PromotionRequest, **changes: str) -> dict[str, str]:
    return {
        "role": "validator",
        "meaning": "I reviewed the evidence.",
        "reason": "It passes.",
        "password": factories.PASSWORD,
        "seen_digest": subject.subject_digest,
    } | changes


def test_every_page_answers_a_reviewer(workspace, cast):
    version = factories.row_in_every_table(workspace, cast)
    bob = as_person(cast.bob)
    request, slot = version.promotion_requests.get(), version.slots.get()

    for path in (
        "",
        "registry/",
        *LISTS,
        f"registry/promotionrequest/{request.pk}/change/",
        f"registry/promotionrequest/{request.pk}/sign-off/",
        f"registry/modelversion/{version.pk}/change/",
        f"registry/registeredmodel/{version.registered_model_id}/change/",
        f"registry/policy/{request.policy_id}/change/",
        f"registry/slot/{slot.pk}/change/",
    ):
        response = bob.get(f"/admin/{path}")
        assert response.status_code == 200, path
        assert "Attestry</title>" in text(response)


@pytest.mark.parametrize(("path", "queries"), LISTS.items())
def test_list_costs_the_same_number_of_queries_however_long(
    workspace, cast, path, queries, django_assert_num_queries
):
    factories.policy(workspace, cast)
    factories.policy(
        workspace, cast, factories.POLICY.replace("credit-prod", "second-prod")
    )
    factories.champion(workspace, cast)
    for content in (b"2", b"3", b"4"):
        other = factories.version(workspace, cast, content=content)
        factories.evaluated(other, cast)
    bob = as_person(cast.bob)
    bob.get(f"/admin/{path}")  # content types are kept from here on

    with django_assert_num_queries(queries):
        assert bob.get(f"/admin/{path}").status_code == 200


@pytest.mark.parametrize("path", LISTS)
def test_somebody_without_a_role_sees_no_rows(workspace, cast, path):
    factories.policy(workspace, cast)
    factories.champion(workspace, cast)

    response = as_person(cast.mallory).get(f"/admin/{path}")

    assert response.context["cl"].result_count == 0
    assert "credit" not in text(response)


def test_somebody_without_a_role_is_told_whom_to_ask(cast):
    response = as_person(cast.mallory).get("/admin/")

    assert "Ask an administrator" in text(response)
    assert "Promotion requests" not in text(response)


def test_unknown_or_invisible_rows_are_not_found(in_review, cast):
    for client, pk in (
        (as_person(cast.bob), 4711),
        (as_person(cast.mallory), in_review.pk),
    ):
        for act in ("change", "sign-off"):
            response = client.get(f"{REQUESTS}{pk}/{act}/")
            assert response.status_code == 404
            assert "Nothing is ever deleted here" in text(response)
        assert client.post(f"{REQUESTS}{pk}/promote/").status_code == 404


def test_request_page_shows_gates_in_words_and_what_is_missing(in_review, cast):
    shown = text(as_person(cast.bob).get(page(in_review)))

    for verdict in in_review.gate_runs.values_list("verdict__sentence", flat=True):
        assert verdict in shown.replace("&#x27;", "'")
    assert "the signature of the validator and of the owner" in shown
    assert in_review.subject_digest in shown
    assert "registry.request.opened" in shown
    assert "Alice Example" in shown


def test_request_page_keeps_earlier_attempts_and_void_signatures(in_review, cast):
    factories.signed(in_review, cast.bob, SignerRole.VALIDATOR)
    evaluate_again(in_review, actor=cast.alice)

    shown = text(as_person(cast.bob).get(page(in_review)))

    assert "Attempt 1" in shown
    assert "Bob Example</strong> as validator" in shown
    assert "void" in shown
    assert "This gate has not answered yet" in shown


def test_overview_lists_what_waits_for_each_person(workspace, cast, in_review):
    approved = factories.approved(
        factories.version(workspace, cast, content=b"2"), cast
    )

    waiting = {
        name: [(item.request, item.roles) for item in waiting_for(getattr(cast, name))]
        for name in ("alice", "olivia", "bob", "rita", "rex", "ada", "mallory")
    }

    assert waiting == {
        "alice": [],
        "olivia": [(in_review, (SignerRole.OWNER,))],
        "bob": [(in_review, (SignerRole.VALIDATOR,))],
        "rita": [],
        "rex": [(approved, ())],
        "ada": [],
        "mallory": [],
    }
    shown = text(as_person(cast.bob).get("/admin/"))
    assert page(in_review) in shown
    assert "sign as validator" in shown


def test_overview_asks_for_as_many_as_it_lists(workspace, cast, in_review):
    version = factories.version(workspace, cast, content=b"newer")
    newer = factories.evaluated(version, cast)

    def waiting(at_most):
        with CaptureQueriesContext(connection) as asked:
            found = waiting_for(cast.bob, at_most=at_most)
        return [one.request for one in found], len(asked)

    oldest, for_one = waiting(1)
    both, for_both = waiting(2)
    assert (oldest, both) == ([in_review], [in_review, newer])
    assert for_one < for_both
    assert waiting(20) == (both, for_both)


def test_nothing_waits_for_somebody_who_has_signed(in_review, cast):
    factories.signed(in_review, cast.bob, SignerRole.VALIDATOR)

    assert waiting_for(cast.bob) == []
    assert "Nothing waits for your signature" in text(
        as_person(cast.bob).get("/admin/")
    )


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("bob", ["validator"]),
        ("olivia", ["owner"]),
        ("rita", []),
        ("alice", []),
        ("ada", []),
        ("carol", []),
    ],
)
def test_sign_off_page_offers_just_the_roles_that_one_can_sign_in(
    in_review, cast, name, offered
):
    actor = getattr(cast, name)
    if name == "ada":
        factories.grant(actor, Role.DEVELOPER, _of(in_review))

    response = as_person(actor).get(page(in_review, "sign-off"))

    choices = response.context["form"].fields["role"].widget.choices
    assert [value for value, _ in choices] == offered
    assert ("My password" in text(response)) == bool(offered)


def _of(request: PromotionRequest):
    return request.model_version.registered_model.workspace


def test_signatures_of_all_roles_approve_and_say_so(in_review, cast):
    bob, olivia = as_person(cast.bob), as_person(cast.olivia)
    bob.get(page(in_review))
    first = bob.post(page(in_review, "sign-off"), form(in_review))
    olivia.get(page(in_review, "sign-off"))
    last = olivia.post(page(in_review, "sign-off"), form(in_review, role="owner"))

    assert (first.status_code, first["Location"]) == (302, page(in_review))
    assert said(first) == ["Signed as validator."]
    assert said(last) == [
        "Signed as owner. That was the last signature: the request is approved."
    ]
    assert factories.fresh(in_review).state == RequestState.APPROVED


def test_wrong_password_signs_nothing_and_says_so_beside_the_field(in_review, cast):
    response = as_person(cast.bob).post(
        page(in_review, "sign-off"), form(in_review, password="guessed")
    )

    assert response.context["form"].errors == {
        "password": [
            "The password is wrong, so nothing was done. Enter your password again."
        ]
    }
    assert "Nothing was signed." in text(response)
    assert "guessed" not in text(response)
    assert "I reviewed the evidence." in text(response)
    assert not SignOff.objects.exists()


def test_developer_is_refused_with_the_reason_and_the_refusal_is_logged(
    in_review, cast
):
    alice = as_person(cast.alice)

    before = text(alice.get(page(in_review)))
    response = alice.post(page(in_review, "sign-off"), form(in_review))

    assert "because you created the source run and uploaded evidence" in before
    assert "You may not sign off this version, because you" in text(response)
    assert not SignOff.objects.exists()
    last = trail([in_review.subject])[-1]
    assert (last.kind, last.payload["code"]) == (
        "registry.sign_off.refused",
        "segregation_of_duties",
    )


def test_evidence_that_was_renewed_since_the_page_was_opened_is_not_signed(
    in_review, cast
):
    response = as_person(cast.bob).post(
        page(in_review, "sign-off"), form(in_review, seen_digest="sha256:older")
    )

    assert "The evidence is not what you were shown" in text(response)
    assert not SignOff.objects.exists()


@pytest.mark.parametrize(
    "missing", ["role", "meaning", "reason", "password", "seen_digest"]
)
def test_form_with_a_gap_signs_nothing(in_review, cast, missing):
    response = as_person(cast.bob).post(
        page(in_review, "sign-off"), form(in_review, **{missing: ""})
    )

    assert missing in response.context["form"].errors
    assert not SignOff.objects.exists()


def test_blocked_request_says_what_stands_in_the_way(workspace, cast):
    factories.policy(workspace, cast)
    weak = factories.version(
        workspace, cast, scores=factories.predictions(strength=0.05)
    )
    blocked = factories.evaluated(weak, cast)

    shown = text(as_person(cast.bob).get(page(blocked)))
    response = as_person(cast.bob).post(page(blocked, "sign-off"), form(blocked))

    assert "Its gates stand in the way" in shown
    assert "Sign off …" not in shown
    assert "only a request in review can be signed" in text(response)


def test_only_the_release_role_is_offered_to_promote(workspace, cast):
    factories.policy(workspace, cast)
    approved = factories.approved(factories.version(workspace, cast), cast)

    offered = {
        name: "Promote to production" in text(as_person(user).get(page(approved)))
        for name, user in (("rex", cast.rex), ("bob", cast.bob), ("alice", cast.alice))
    }

    assert offered == {"rex": True, "bob": False, "alice": False}


def test_promotion_needs_a_post_a_csrf_token_and_the_role(workspace, cast):
    factories.policy(workspace, cast)
    approved = factories.approved(factories.version(workspace, cast), cast)
    path = page(approved, "promote")

    assert as_person(cast.rex).get(path).status_code == 405
    assert as_person(cast.rex, enforce_csrf_checks=True).post(path).status_code == 403
    refused = as_person(cast.bob).post(path)
    assert said(refused) == [
        "You may not promote credit: ask for the release role.",
    ]
    assert not Slot.objects.filter(champion__isnull=False).exists()
    assert trail([approved.subject])[-1].kind == "registry.promotion.refused"

    promoted = as_person(cast.rex).post(path)

    assert said(promoted) == ["credit v1 serves in production now."]
    assert Slot.objects.get().champion == approved.model_version


def test_signing_needs_a_csrf_token(in_review, cast):
    client = as_person(cast.bob, enforce_csrf_checks=True)

    response = client.post(page(in_review, "sign-off"), form(in_review))

    assert response.status_code == 403
    assert not SignOff.objects.exists()


def test_policy_page_prints_the_document_its_digest_and_who_published_it(
    workspace, cast
):
    policy = factories.policy(workspace, cast)

    shown = as_person(cast.bob).get(f"/admin/registry/policy/{policy.pk}/change/")

    assert policy.document.strip() in shown.content.decode()
    assert policy.digest in text(shown)
    assert "Rita Example" in text(shown)


def test_page_of_a_policy_of_tiers_names_no_request_of_a_model_that_is_not_seen(
    workspace, cast
):
    of_tiers = factories.POLICY.replace("registered_model: credit", "tier: [3, 4]")
    policy = factories.policy(workspace, cast, of_tiers)
    asked = factories.request(factories.version(workspace, cast), cast)
    other = factories.model(workspace, cast, "fraud")
    grant = ask_for_role(
        cast.mallory,
        role=Role.AUDITOR,
        workspace=workspace,
        on=other,
        reason="Audits one model.",
        actor=cast.ada,
    )
    approve_role(grant, actor=cast.rita)
    path = f"/admin/registry/policy/{policy.pk}/change/"

    hidden = text(as_person(cast.mallory).get(path))
    seen = text(as_person(cast.carol).get(path))

    assert asked.policy == policy
    assert "credit v1" not in hidden
    assert "Alice" not in hidden
    assert "credit v1 to production" in seen
    assert "Alice Example" in seen
    for shown in (hidden, seen):
        assert "3, 4" in shown
        assert "default" in shown


def test_markup_in_a_name_is_printed_as_text(workspace, cast):
    name = "<script>alert(1)<script>" + "long" * 50
    factories.model(workspace, cast, name)

    for path in ("", f"{RegisteredModel.objects.get().pk}/change/"):
        shown = text(as_person(cast.bob).get(f"/admin/registry/registeredmodel/{path}"))
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)" in shown


def test_page_of_a_model_names_no_model_that_is_not_seen(workspace, cast):
    model = factories.model(workspace, cast)
    above = factories.model(workspace, cast, "secret-bureau", tier=None)
    below = factories.model(workspace, cast, "secret-collections", tier=None)
    factories.model_card(model, cast, upstream=[above])
    factories.model_card(below, cast, upstream=[model])
    assign_perm("registry.view_registeredmodel", cast.mallory, model)
    path = f"/admin/registry/registeredmodel/{model.pk}/change/"

    assert "secret" not in text(as_person(cast.mallory).get(path))
    seen = text(as_person(cast.carol).get(path))
    assert "secret-bureau" in seen
    assert "secret-collections" in seen
