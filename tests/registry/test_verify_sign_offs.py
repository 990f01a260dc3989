"""A signature belongs to one request: one that was moved or altered is named."""

import pytest
from django.core.management import call_command

from audit.errors import ConflictError
from registry.models import PromotionRequest, RequestState, SignOff
from registry.models.sign_off import SignerRole
from registry.services.promotion import promote
from registry.services.sign_off_verification import sign_off_faults
from registry.services.sign_offs import missing_roles
from tests import factories
from tests.audit.happenings import triggers_switched_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    return factories.signed(asked, cast.bob, SignerRole.VALIDATOR)


def alter(**columns: object) -> None:
    """Do what the owner of the table can do."""
    with triggers_switched_off("registry_signoff"):
        SignOff.objects.update(**columns)


def faults() -> list[str]:
    found = sign_off_faults(PromotionRequest.objects.order_by("pk"))
    return [fault.sentence for fault in found]


def test_signatures_that_nobody_altered_are_as_the_log_tells(signed, capsys):
    assert faults() == []

    call_command("verify_sign_offs")

    assert "Every signature is as the log tells" in capsys.readouterr().out


def test_signature_that_was_moved_to_another_request_is_named_and_counts_nothing(
    signed, workspace, cast
):
    other = factories.evaluated(
        factories.version(workspace, cast, content=b"model 2"), cast
    )
    row = SignOff.objects.get()

    alter(request=other)

    moved_away = (
        f"The log tells of a signature of user/{cast.bob.pk} as validator at "
        f"{row.signed_at.isoformat()} over request {signed.pk}, which is not there any "
        f"more."
    )
    moved_here = (
        f"Sign-off {row.pk} (Bob Example as validator) stands at request {other.pk}, and "
        f"the log tells of no such signature there."
    )
    assert faults() == [moved_away, moved_here]
    assert missing_roles(factories.fresh(other)) == ["validator", "owner"]
    with pytest.raises(SystemExit) as ended:
        call_command("verify_sign_offs")
    assert ended.value.code == 7


def test_signature_that_is_moved_with_the_digest_is_named_and_promotes_nothing(
    signed, workspace, cast
):
    other = factories.evaluated(
        factories.version(workspace, cast, content=b"model 2"), cast
    )
    alter(request=other, subject_digest=other.subject_digest)

    assert len(faults()) == 2
    with triggers_switched_off("registry_promotionrequest"):
        PromotionRequest.objects.filter(pk=other.pk).update(state=RequestState.APPROVED)
    with pytest.raises(ConflictError) as refusal:
        promote(factories.fresh(other), actor=cast.rex)
    assert refusal.value.code in {"quorum_incomplete", "sign_off_altered"}


@pytest.mark.parametrize("column", ["role", "signed_at", "signer"])
def test_altered_signature_is_named(signed, cast, column):
    to = {"role": "risk", "signed_at": signed.created_at, "signer": cast.carol}
    alter(**{column: to[column]})

    assert len(faults()) == 2
