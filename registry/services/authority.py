"""Whoever lets something through holds the role for it, owns or was lent, as the log tells."""

from django.contrib.auth.models import User

from registry.models import RegisteredModel
from registry.models.sign_off import SignerRole
from registry.permissions import MODEL_GRANTS, delegation_to_sign
from registry.services.approvals import refuse_altered_records
from registry.services.claims.models import claims_of_authority
from tracking.authority import refuse_untold_person, refuse_untold_role
from tracking.permissions import Role


def refuse_untold_permission(
    actor: User, permission: str, model: RegisteredModel
) -> None:
    """Refuse who was given no role that holds the permission on a model."""
    refuse_untold_role(
        actor, MODEL_GRANTS[permission], model.workspace, subjects=model.subjects
    )


def refuse_untold_permission_of_owner(
    actor: User, permission: str, model: RegisteredModel
) -> None:
    """Refuse who was given no role for it, be it as an owner who does not own the model."""
    roles = MODEL_GRANTS[permission]
    if model.owner_id == actor.pk:
        refuse_altered_records(claims_of_authority(SignerRole.OWNER, model, None))
    else:
        roles -= {Role.OWNER}
    refuse_untold_role(actor, roles, model.workspace, subjects=model.subjects)


def refuse_untold_signer(actor: User, role: SignerRole, model: RegisteredModel) -> None:
    """Refuse who signs in a role that they, or who lent it to them, were never given.

    An owner must own the model, a delegation have been signed, and nobody be a program.
    """
    refuse_untold_person(actor)
    delegation = delegation_to_sign(actor, role, model)
    holder = delegation.delegator if delegation else actor
    refuse_untold_role(holder, [role], model.workspace, subjects=model.subjects)
    refuse_altered_records(claims_of_authority(role, model, delegation))
