"""Who made a version, in whatever way, does not sign it (governance rules R1 to R4)."""

import pytest
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import system_account
from registry.models import PromotionRequest, Slot
from registry.models.sign_off import SignerRole
from registry.services.closings import withdraw_request
from registry.services.gate_runs import run_gate
from registry.services.promotion import promote, request_promotion
from tests import factories
from tracking.models import Run
from tracking.models.logged_model import UseDirection
from tracking.permissions import Role
from tracking.services.accounts import change_email, deactivate_account
from tracking.services.artifacts import remove_artifacts
from tracking.services.logged_models import log_model_params, log_model_uses
from tracking.services.logging import Point, log_batch, remove_tag
from tracking.services.runs import create_run
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


@pytest.fixture
def source(workspace, cast) -> Run:
    """A run of Alice's that nobody else has touched."""
    factories.policy(workspace, cast)
    return factories.run(workspace, cast.alice)


@pytest.fixture
def vera(workspace):
    """Develops and validates, which is allowed, but not the same version."""
    person = factories.person("vera", workspace, Role.VALIDATOR)
    person.email = "Vera@example.org"
    person.save()
    factories.grant(person, Role.DEVELOPER, workspace)
    return person


def in_review(run: Run, cast) -> PromotionRequest:
    """Register what the run made, ask for promotion, run the gates."""
    asked = factories.version_of(run, cast)
    request = factories.request(asked, cast)
    for pk in request.gate_runs.values_list("pk", flat=True):
        run_gate(pk)
    return factories.fresh(request)


def conflicts(request: PromotionRequest, signer) -> list[str]:
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request, signer, SignerRole.VALIDATOR)
    assert refusal.value.code == "segregation_of_duties"
    found: list[str] = refusal.value.extra["conflicts"]
    return found


def test_who_did_nothing_for_a_version_signs_it(source, cast, vera):
    signed = factories.signed(in_review(source, cast), vera, SignerRole.VALIDATOR)
    assert signed.sign_offs.get().signer == vera


def test_who_submitted_a_version_before_does_not_sign_it(source, cast):
    version = factories.version_of(source, cast)
    first = request_promotion(version, environment="production", actor=cast.olivia)
    withdraw_request(first, reason="Too early.", actor=cast.olivia)
    again = factories.evaluated(version, cast)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(again, cast.olivia, SignerRole.OWNER)

    assert refusal.value.extra["conflicts"] == ["submitted this version"]


def test_who_submitted_a_version_does_not_validate_it_later(source, cast):
    factories.grant(cast.bob, Role.DEVELOPER, source.experiment.workspace)
    version = factories.version_of(source, cast)
    first = request_promotion(version, environment="production", actor=cast.bob)
    withdraw_request(first, reason="Too early.", actor=cast.bob)
    vera = factories.person("vera", source.experiment.workspace, Role.VALIDATOR)
    asked = factories.signed(
        factories.evaluated(version, cast), vera, SignerRole.VALIDATOR
    )
    promote(factories.signed(asked, cast.olivia, SignerRole.OWNER), actor=cast.rex)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.revalidated(Slot.objects.get(), version, cast)

    assert refusal.value.extra["conflicts"] == ["submitted this version"]


def test_who_uploaded_a_file_to_somebody_elses_run_does_not_sign(source, cast, vera):
    factories.upload(source, "notes.txt", b"notes", vera)
    assert conflicts(in_review(source, cast), vera) == ["uploaded evidence"]


def test_who_uploaded_a_file_of_a_model_that_the_run_made_does_not_sign(
    source, cast, vera
):
    model = factories.logged_model(source, cast.alice, is_ready=False)
    factories.upload(model, "late.txt", b"late", vera)
    assert conflicts(in_review(source, cast), vera) == ["uploaded evidence"]


def test_who_logged_params_of_a_model_that_the_run_made_does_not_sign(
    source, cast, vera
):
    model = factories.logged_model(source, cast.alice, is_ready=False)
    log_model_params(model, params={"seed": "7"}, actor=vera)
    assert conflicts(in_review(source, cast), vera) == ["logged in a model of it"]


def test_who_removed_a_file_of_a_model_that_the_run_made_does_not_sign(
    source, cast, vera
):
    model = factories.logged_model(source, cast.alice)
    remove_artifacts(model, path="model.pkl", actor=vera)
    assert conflicts(in_review(source, cast), vera) == ["logged in a model of it"]


def test_who_logged_a_metric_in_somebody_elses_run_does_not_sign(source, cast, vera):
    log_batch(source, metrics=[Point("auc", 0.99, 1, 0)], actor=vera)
    assert conflicts(in_review(source, cast), vera) == ["logged in the source run"]


def test_who_labelled_data_of_the_run_does_not_sign_whatever_later_cards_say(
    source, cast, vera
):
    dataset = factories.use_dataset(source, cast.alice)
    factories.card(dataset, cast.stella, labellers=["vera"])
    factories.card(dataset, cast.stella, labellers=["olivia"])
    request = in_review(source, cast)

    assert conflicts(request, vera) == ["labelled its data"]
    with pytest.raises(PermissionDeniedError):
        factories.signed(request, cast.olivia, SignerRole.OWNER)


def test_who_labelled_the_same_data_under_another_name_does_not_sign(
    source, cast, vera, workspace
):
    known = factories.dataset(workspace, cast.alice)
    factories.card(known, cast.stella, labellers=["vera"])
    factories.use_dataset(source, cast.alice, "harmless", content_digest=known.digest)
    assert conflicts(in_review(source, cast), vera) == ["labelled its data"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attestry.git.author", "vera"),
        ("attestry.git.author", "V. E. <vera@example.org>"),
        ("attestry.git.author", "Vera Example"),
        ("attestry.git.author_email", "VERA@EXAMPLE.ORG"),
        ("mlflow.source.git.author", "Alice Example, Vera Example <v@elsewhere.org>"),
    ],
)
def test_author_of_the_commit_does_not_sign(source, cast, vera, key, value):
    log_batch(source, tags=[(key, value)], actor=cast.alice)
    assert conflicts(in_review(source, cast), vera) == ["wrote its commit"]


def test_author_who_has_another_address_by_now_does_not_sign(source, cast, vera):
    for address in ("vera@former.example.org", "vera@example.org"):
        change_email(vera, email=address, actor=cast.ada)
    said = ("attestry.git.author_email", "vera@former.example.org")
    log_batch(source, tags=[said], actor=cast.alice)

    assert conflicts(in_review(source, cast), vera) == ["wrote its commit"]


@pytest.mark.parametrize("way", ["overwritten", "removed"])
def test_author_whom_a_tag_no_longer_names_does_not_sign(source, cast, vera, way):
    tag = "attestry.git.author"
    log_batch(source, tags=[(tag, "vera")], actor=cast.alice)
    if way == "removed":
        remove_tag(source, key=tag, actor=cast.alice)
    for value in ("somebody", "somebody", "anybody"):
        log_batch(source, tags=[(tag, value)], actor=cast.alice)
    assert conflicts(in_review(source, cast), vera) == ["wrote its commit"]


def test_who_made_the_data_does_not_sign(source, cast, vera, workspace):
    raw = factories.run(workspace, vera, "cleaning")
    factories.use_dataset(raw, vera, "clean", context="output")
    middle = factories.run(workspace, cast.alice, "features")
    factories.use_dataset(middle, cast.alice, "clean")
    factories.use_dataset(middle, cast.alice, "features", context="output")
    factories.use_dataset(source, cast.alice, "features")
    assert conflicts(in_review(source, cast), vera) == ["created a run that it came of"]


def test_who_made_the_same_data_under_another_name_does_not_sign(
    source, cast, vera, workspace
):
    raw = factories.run(workspace, vera, "cleaning")
    made = factories.use_dataset(raw, vera, "clean", context="output")
    factories.use_dataset(source, cast.alice, "harmless", content_digest=made.digest)
    assert conflicts(in_review(source, cast), vera) == ["created a run that it came of"]


def test_who_made_the_model_that_was_trained_further_does_not_sign(
    source, cast, vera, workspace
):
    model = factories.logged_model(factories.run(workspace, vera, "base"), vera)
    log_model_uses(
        source, models=[(model, 0)], direction=UseDirection.INPUT, actor=cast.alice
    )
    assert conflicts(in_review(source, cast), vera) == [
        "created a run that it came of",
        "uploaded evidence",
        "logged in a model of it",
    ]


@pytest.mark.parametrize("is_above", [True, False])
def test_who_made_a_run_that_is_nested_with_it_does_not_sign(
    source, cast, vera, workspace, is_above
):
    other = factories.run(workspace, vera, "other")
    inner, outer = (source, other) if is_above else (other, source)
    log_batch(
        inner, tags=[("mlflow.parentRunId", outer.run_id)], actor=inner.created_by
    )
    assert conflicts(in_review(source, cast), vera) == ["created a run that it came of"]


@pytest.mark.parametrize("is_above", [True, False])
def test_nobody_leaves_a_lineage_by_another_parent(
    source, cast, vera, workspace, is_above
):
    other = factories.run(workspace, vera, "other")
    inner, outer = (source, other) if is_above else (other, source)
    for parent in (outer.run_id, "none"):
        tag = ("mlflow.parentRunId", parent)
        log_batch(inner, tags=[tag], actor=inner.created_by)
    assert conflicts(in_review(source, cast), vera) == ["created a run that it came of"]


def test_nobody_is_drawn_into_a_lineage_once_it_was_submitted(
    source, cast, vera, workspace
):
    reviewed = in_review(source, cast)
    later = factories.run(workspace, cast.alice, "later")
    tags = {"mlflow.parentRunId": source.run_id, "attestry.git.author": "vera"}
    for draw_in in (
        lambda: log_batch(later, tags=list(tags.items()), actor=cast.alice),
        lambda: create_run(
            later.experiment,
            name="new",
            started_at=timezone.now(),
            tags=tags,
            actor=cast.alice,
        ),
    ):
        with pytest.raises(ConflictError, match="is frozen") as refused:
            draw_in()
        assert refused.value.code == "parent_frozen"
    signed = factories.signed(reviewed, vera, SignerRole.VALIDATOR)
    assert signed.sign_offs.get().signer == vera


def test_nobody_is_drawn_into_a_lineage_from_another_workspace(source, cast, vera):
    reviewed = in_review(source, cast)
    other = create_workspace("other", actor=system_account())
    for person in (vera, cast.mallory):
        factories.grant(person, Role.DEVELOPER, other)
    elsewhere = factories.run(other, vera)
    tag = ("mlflow.parentRunId", source.run_id)
    log_batch(elsewhere, tags=[tag], actor=cast.mallory)
    signed = factories.signed(reviewed, vera, SignerRole.VALIDATOR)
    assert signed.sign_offs.get().signer == vera


def test_who_only_used_the_same_data_signs(source, cast, vera, workspace):
    factories.use_dataset(source, cast.alice)
    factories.use_dataset(factories.run(workspace, vera, "own"), vera)
    signed = factories.signed(in_review(source, cast), vera, SignerRole.VALIDATOR)
    assert signed.sign_offs.get().signer == vera


@pytest.mark.parametrize("value", ["", "veronica", "<>", "a@b <c"])
def test_another_author_of_the_commit_keeps_nobody_from_signing(
    source, cast, vera, value
):
    log_batch(source, tags=[("attestry.git.author", value)], actor=cast.alice)
    signed = factories.signed(in_review(source, cast), vera, SignerRole.VALIDATOR)
    assert signed.sign_offs.get().signer == vera


def test_account_without_an_address_is_nobody_that_an_empty_tag_names(
    source, cast, workspace
):
    log_batch(source, tags=[("attestry.git.author_email", "")], actor=cast.alice)
    signed = factories.signed(in_review(source, cast), cast.bob, SignerRole.VALIDATOR)
    assert signed.sign_offs.count() == 1


def test_signature_stays_valid_when_its_signer_is_deactivated(source, cast):
    request = factories.signed(in_review(source, cast), cast.bob, SignerRole.VALIDATOR)
    deactivate_account(cast.bob, actor=cast.ada)
    done = factories.signed(request, cast.olivia, SignerRole.OWNER)
    assert done.state == "approved"


def test_deactivated_account_signs_nothing(source, cast):
    request = in_review(source, cast)
    deactivate_account(cast.bob, actor=cast.ada)
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(request, cast.bob, SignerRole.VALIDATOR)
    assert refusal.value.code == "account_deactivated"


@pytest.mark.parametrize("deed", ["submitted", "registered"])
def test_who_did_so_with_another_version_of_the_run_does_not_sign(
    workspace, cast, deed
):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    if deed == "submitted":
        other = factories.version_beside(version, cast.alice)
        request_promotion(other, environment="production", actor=cast.olivia)
    else:
        factories.grant(cast.olivia, Role.DEVELOPER, workspace)
        factories.version_beside(version, cast.olivia)
    asked = factories.evaluated(version, cast)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(asked, cast.olivia, SignerRole.OWNER)

    assert refusal.value.code == "segregation_of_duties"
    assert f"{deed} this version" in str(refusal.value)
