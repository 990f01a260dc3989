"""A policy is written by one person, published by another, and then stays."""

import pytest

from audit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.proofs import trail
from registry.models import Policy, PolicyPublication
from registry.services.policies import draft_policy, publish_policy
from tests import factories

pytestmark = pytest.mark.django_db


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
        "environment": "production",
        "digest": second.digest,
    }


def test_layout_of_the_yaml_does_not_change_the_digest(workspace, cast):
    first = factories.policy(workspace, cast, published=False)
    second = factories.policy(
        workspace, cast, "# a comment\n" + factories.POLICY, published=False
    )

    assert first.digest == second.digest


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
