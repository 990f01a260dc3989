"""Whether the log tells that somebody is a person, with the role in which they act.

Whoever writes into the tables of groups or of programs, past the services, lets nobody
act by it.
"""

from collections.abc import Collection

from django.contrib.auth.models import User

from audit.errors import ConflictError
from audit.proofs import trail
from audit.services import pseudonym
from tracking.events import TrackingEvent
from tracking.models import Workspace
from tracking.models.role_grant import GrantedOn

# What the entry of an account says of a program.
A_PROGRAM = "service account"
_GRANTED = TrackingEvent.ROLE_GRANTED
_KINDS = (_GRANTED, TrackingEvent.ROLE_REVOKED)


def refuse_untold_person(account: User) -> None:
    """Refuse a program, and whoever has an account that no service made."""
    made = trail([f"user/{account.pk}"], kinds=[TrackingEvent.ACCOUNT_CREATED])
    kinds = {entry.payload["kind"] for entry in made}
    if not kinds or A_PROGRAM in kinds:
        raise ConflictError(
            "records_altered",
            f"The log does not tell that {account} was made for a person. Have the log "
            f"verified before anything else.",
        )


def refuse_untold_role(
    holder: User,
    roles: Collection[str],
    workspace: Workspace,
    *,
    subjects: Collection[str] = (),
) -> None:
    """Refuse who was given none of the roles, or had it taken away, as the log tells.

    A role in the workspace counts, and one on what has, or had, one of the `subjects`
    as its name in the log, or on a prefix of their names.
    """
    if not is_role_told(holder, roles, workspace, subjects=subjects):
        raise ConflictError(
            "records_altered",
            f"The log does not tell that {holder} was given the role of "
            f"{' or '.join(sorted(roles))} there. Have the log verified before anything "
            f"else.",
        )


def is_role_told(
    holder: User,
    roles: Collection[str],
    workspace: Workspace,
    *,
    subjects: Collection[str] = (),
) -> bool:
    """Say whether the last word of the log on any of the roles is that they were given."""
    holds: dict[tuple[str, str], bool] = {}
    for entry in trail([workspace.subject], kinds=_KINDS):
        said = entry.payload
        is_theirs = said["account"] == pseudonym(holder) and said["role"] in roles
        if is_theirs and _covers(said["on"], workspace, subjects):
            holds[said["role"], said["on"]] = entry.kind == _GRANTED
    return any(holds.values())


def _covers(on: str, workspace: Workspace, subjects: Collection[str]) -> bool:
    if on == workspace.subject or on in subjects:
        return True
    place = f"{GrantedOn.PREFIX.label.lower()}/{workspace.name}/"
    names = (subject.split("/", 2)[2] for subject in subjects)
    return on.startswith(place) and any(
        name.startswith(on.removeprefix(place)) for name in names
    )
