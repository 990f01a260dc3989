"""Who signs for a model proves who they are as its tier asks, of which the log must tell."""

from datetime import datetime

from django.contrib.auth.models import User

from registry.models import RegisteredModel
from registry.services.approvals import refuse_altered_records
from registry.services.claims.models import claims_of_tier
from registry.signing import Reauthentication, reauthenticate


def reauthenticate_for(
    model: RegisteredModel,
    actor: User,
    *,
    password: str,
    code: str,
    is_interactive: bool,
    now: datetime,
) -> Reauthentication:
    """Check the password again, and a one-time code where the model's tier asks for two.

    The tier as it is now, whenever the caller has read the model.
    """
    model.refresh_from_db(fields=["tier"])
    refuse_altered_records(claims_of_tier(model))
    return reauthenticate(
        actor,
        password=password,
        code=code,
        two_factors=model.wants_two_factors,
        is_interactive=is_interactive,
        now=now,
    )
