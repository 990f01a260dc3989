"""A policy is written by one person, published by another, and then stays."""

from pathlib import Path

import pytest
from django.utils import timezone

import registry
from audit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.proofs import trail
from registry.models import Policy, PolicyPublication, RequestState, Verdict
from registry.models.tier import Tier
from registry.permissions import JUDGED_BY
from registry.policy_document import JUDGEMENTS, read_policy_document
from registry.services.governance import governing_policy, is_governed
from registry.services.policies import draft_policy, publish_policy
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def test_each_draft_is_a_version_and_names_its_digest_in_the_log(workspace, cast):
    first = factories.policy(workspace, cast, published=False)
    second = factories.policy(
        workspace, cast, factories.POLICY.replace("0.7", "0.8"), published=False
    )

    assert [first.version, second.version] == [1, 2]
    assert first.digest != second.digest
    [entry] = trail([second.subject])
    assert entry.payload == {
        "model": "model/default/credit",
        "tiers": [],
        "environment": "production",
        "digest": second.digest,
    }


def test_layout_of_the_yaml_does_not_change_the_digest(workspace, cast):
    first = factories.policy(workspace, cast, published=False)
    second = factories.policy(
        workspace, cast, "# a comment\n" + factories.POLICY, published=False
    )

    assert first.digest == second.digest


@pytest.mark.parametrize("kind", ["ethics_review", "business_impact"])
@pytest.mark.parametrize("accepts", ["ci", "human, telemetry"])
def test_new_policy_lets_no_program_judge_and_an_older_one_stays_readable(
    workspace, cast, kind, accepts
):
    document = factories.POLICY + (
        "attestations:\n"
        "  - {kind: canary, accepts: [ci]}\n"
        f"  - {{kind: {kind}, accepts: [{accepts}]}}\n"
    )

    with pytest.raises(InvalidError) as refusal:
        factories.policy(workspace, cast, document)

    assert refusal.value.code == "policy_judgement_is_of_people"
    assert refusal.value.extra["path"] == "attestations[1].accepts"
    assert read_policy_document(document).attestations[1].kind == kind


def test_author_does_not_publish_and_the_refusal_is_logged(workspace, cast):
    factories.model(workspace, cast)
    policy = draft_policy(workspace, document=factories.POLICY, actor=cast.rita)

    with pytest.raises(PermissionDeniedError) as refusal:
        publish_policy(policy, actor=cast.rita)

    assert refusal.value.code == "author_does_not_publish"
    assert trail([policy.subject])[-1].kind == "registry.policy.refused"
    assert not PolicyPublication.objects.exists()


@pytest.mark.parametrize("name", ["alice", "olivia", "bob", "carol", "ada"])
def test_only_risk_publishes(workspace, cast, name):
    policy = factories.policy(workspace, cast, published=False)

    with pytest.raises(PermissionDeniedError) as refusal:
        publish_policy(policy, actor=getattr(cast, name))

    assert refusal.value.code == "may_not_publish_policy"


def test_policy_is_published_once(workspace, cast):
    policy = factories.policy(workspace, cast)

    with pytest.raises(ConflictError) as refusal:
        publish_policy(policy, actor=cast.rita)

    assert refusal.value.code == "policy_published"


def test_newest_published_policy_is_the_one_that_a_request_pins(workspace, cast):
    factories.policy(workspace, cast)
    newest = factories.policy(workspace, cast, factories.POLICY.replace("0.7", "0.75"))
    factories.policy(
        workspace, cast, factories.POLICY.replace("0.7", "0.9"), published=False
    )

    request = factories.request(factories.version(workspace, cast), cast)

    assert request.policy == newest


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("gate: auc", "gate: aucc", "policy_unknown_gate"),
        ("threshold: 0.7", "treshold: 0.7", "policy_unknown_parameter"),
        ("threshold: 0.7", "threshold: high", "policy_invalid_parameter"),
        ("name: credit-production", "name: [", "policy_unreadable"),
    ],
)
def test_faulty_document_is_refused_and_not_stored(workspace, cast, old, new, code):
    factories.model(workspace, cast)

    with pytest.raises(InvalidError) as refusal:
        draft_policy(
            workspace, document=factories.POLICY.replace(old, new), actor=cast.paul
        )

    assert refusal.value.code == code
    assert not Policy.objects.exists()


def test_policy_for_an_unknown_model_is_refused(workspace, cast):
    with pytest.raises(NotFoundError) as refusal:
        draft_policy(workspace, document=factories.POLICY, actor=cast.paul)

    assert refusal.value.code == "model_unknown"


OF_TIERS = factories.POLICY.replace(
    "name: credit-production", "name: tiers-production"
).replace("registered_model: credit", "tier: [3, 4]")


def test_policy_of_tiers_governs_models_that_have_none_of_their_own(workspace, cast):
    model = factories.model(workspace, cast)
    now = timezone.now
    assert governing_policy(model, "production", now()) is None
    assert not is_governed(model, "production")

    tiers = factories.policy(workspace, cast, OF_TIERS)
    assert governing_policy(model, "production", now()) == tiers
    assert governing_policy(model, "staging", now()) is None

    own = factories.policy(workspace, cast)
    assert governing_policy(model, "production", now()) == own
    newer = factories.policy(workspace, cast, OF_TIERS)
    assert newer.version == 2
    assert newer.subject == "policy/default/tiers-production/2"
    assert governing_policy(model, "production", now()) == own


def test_newest_published_policy_governs_and_a_draft_does_not(workspace, cast):
    model = factories.model(workspace, cast)
    factories.policy(workspace, cast)
    second = factories.policy(workspace, cast)
    factories.policy(workspace, cast, published=False)

    assert governing_policy(model, "production", timezone.now()) == second


def test_environment_is_governed_for_every_model_once_a_policy_is_published_for_it(
    workspace, cast
):
    high = factories.model(workspace, cast, "fraud", tier=2)
    factories.policy(workspace, cast, OF_TIERS, published=False)
    assert not is_governed(high, "production")

    factories.policy(workspace, cast, OF_TIERS)

    assert is_governed(high, "production")
    assert not is_governed(high, "staging")
    assert governing_policy(high, "production", timezone.now()) is None


def test_request_under_a_policy_of_tiers_pins_it(workspace, cast):
    policy = factories.policy(workspace, cast, OF_TIERS)

    request = factories.evaluated(factories.version(workspace, cast), cast)

    assert request.policy == policy
    assert request.state == RequestState.IN_REVIEW


@pytest.mark.parametrize(
    ("tier", "old", "new", "path"),
    [
        (1, "approval_days: 30", "approval_days: 14", "sign_offs"),
        (1, "[validator, owner]", "[validator, risk, owner]", "approval_days"),
        (2, "[validator, owner]", "[owner]", "sign_offs"),
        (2, "approval_days: 30", "approval_days: 31", "approval_days"),
        (3, "[validator, owner]", "[]", "sign_offs"),
        (3, "approval_days: 30", "approval_days: 61", "approval_days"),
        (2, "margin: 0.02", "on_inconclusive: warn, margin: 0.02", "gates[1].on_inconclusive"),
    ],
)  # fmt: skip
def test_policy_that_asks_for_less_than_its_tier_is_not_published(
    workspace, cast, tier, old, new, path
):
    document = OF_TIERS.replace("[3, 4]", f"[{tier}, 4]").replace(old, new)
    draft = factories.policy(workspace, cast, document, published=False)

    with pytest.raises(ConflictError) as refusal:
        publish_policy(draft, actor=cast.rita)

    assert (refusal.value.code, refusal.value.extra) == (
        "policy_weaker_than_tier",
        {"path": path, "tier": tier},
    )
    assert trail([draft.subject])[-1].kind == "registry.policy.refused"


@pytest.mark.parametrize(
    ("tier", "state"),
    [(Tier.MODERATE, RequestState.IN_REVIEW), (Tier.HIGH, RequestState.BLOCKED)],
)
def test_gate_that_cannot_tell_only_warns_while_the_tier_lets_it(
    workspace, cast, tier, state
):
    unsure = "{gate: auc, on_inconclusive: warn, threshold: 0.7, min_rows: 5000}"
    auc = "{gate: auc, threshold: 0.7, min_rows: 500}"
    factories.policy(workspace, cast, factories.POLICY.replace(auc, unsure))
    version = factories.version(workspace, cast)
    factories.tier(version.registered_model, cast, tier)

    asked = factories.evaluated(version, cast)

    assert (asked.state, Verdict.objects.get(gate_run__gate="auc").outcome) == (
        state,
        "inconclusive",
    )


def test_gate_that_a_tier_holds_hard_is_not_made_waivable(workspace, cast):
    document = (
        OF_TIERS.replace("[3, 4]", "[1]")
        .replace("[validator, owner]", "[validator, risk, owner]")
        .replace("approval_days: 30", "approval_days: 14")
        .replace("threshold: 0.7", "waivable: true, threshold: 0.7")
    )
    draft = factories.policy(workspace, cast, document, published=False)

    with pytest.raises(ConflictError) as refusal:
        publish_policy(draft, actor=cast.rita)

    assert refusal.value.extra["path"] == "gates[0].waivable"


def test_policy_binds_either_a_model_or_tiers(workspace, cast):
    for document in (
        factories.POLICY + "tier: [3]\n",
        factories.POLICY.replace("registered_model: credit\n", ""),
    ):
        with pytest.raises(InvalidError) as refusal:
            draft_policy(workspace, document=document, actor=cast.paul)
        assert refusal.value.code == "policy_binds_nobody_or_two"


PACKS = sorted((Path(registry.__file__).parent / "policy_packs").glob("*.yaml"))


@pytest.mark.parametrize("pack", PACKS, ids=lambda path: path.stem)
def test_policy_to_start_from_is_published_as_it_is(workspace, cast, pack):
    drafted = draft_policy(
        workspace, document=pack.read_text(encoding="utf-8"), actor=cast.paul
    )

    publish_policy(drafted, actor=cast.rita)

    assert (drafted.name, drafted.registered_model) == (pack.stem, None)


def test_policies_to_start_from_leave_no_tier_out():
    documents = [read_policy_document(pack.read_text("utf-8")) for pack in PACKS]
    tiers = sorted((d.environment, tier) for d in documents for tier in d.tiers)

    assert tiers == [
        (environment, tier)
        for environment in ("production", "staging")
        for tier in (1, 2, 3, 4)
    ]


def test_policies_to_start_from_leave_tier_4_to_the_gates():
    documents = [read_policy_document(pack.read_text("utf-8")) for pack in PACKS]

    assert {(tier, d.sign_offs == ()) for d in documents for tier in d.tiers} == {
        *((tier, False) for tier in (1, 2, 3)),
        (4, True),
    }


def test_every_judgement_has_the_roles_that_make_it():
    assert set(JUDGED_BY) == JUDGEMENTS


@pytest.mark.parametrize("name", ["champion", "latest", "v1", "prod.eu", "e" * 51])
def test_environment_that_nobody_could_ask_for_is_not_governed(workspace, cast, name):
    factories.model(workspace, cast)
    document = factories.POLICY.replace("production", name)

    with pytest.raises(InvalidError) as refusal:
        draft_policy(workspace, document=document, actor=cast.paul)

    assert refusal.value.code == "environment_invalid"
    assert not Policy.objects.exists()
