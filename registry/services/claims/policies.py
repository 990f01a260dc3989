"""What the log must tell of policies: the one that was pinned, and all that may govern."""

from collections.abc import Iterator

from django.db.models import Q

from audit.proofs import told_below
from audit.services import pseudonym
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import Policy, PolicyPublication, RegisteredModel
from registry.policy_document import read_policy_document
from registry.services.reconciliation import Claim


def claim_of_pinned(policy: Policy) -> Claim:
    return Claim(
        f"{policy}",
        RegistryEvent.POLICY_PUBLISHED,
        (policy.subject,),
        {
            # Of what it demands today, and not of what it demanded.
            "digest": digest(read_policy_document(policy.document).as_json()),
            "environment": policy.environment,
        },
        pseudonym(policy.publication.published_by),
    )


def claims_of_policies(model: RegisteredModel) -> Iterator[Claim]:
    """Return of each policy that may govern a model whether, and when, it came into force.

    One that was published and is there no more would let a laxer one govern again.
    """
    may_govern = Q(registered_model=model) | Q(workspace=model.workspace_id)
    drafted = Policy.objects.filter(may_govern).with_home().order_by("pk")
    subjects = set()
    for policy in drafted.select_related("publication__published_by"):
        subjects.add(policy.subject)
        yield Claim(
            f"the draft of {policy}",
            RegistryEvent.POLICY_DRAFTED,
            (policy.subject,),
            {
                "tiers": policy.tiers,
                "environment": policy.environment,
                "digest": policy.digest,
            },
        )
        yield _of_publication(policy, getattr(policy, "publication", None))
    for subject in sorted(_published(model) - subjects):
        yield _of_none(subject, subject)


def _of_publication(policy: Policy, published: PolicyPublication | None) -> Claim:
    if published is None:
        return _of_none(f"{policy}", policy.subject)
    return Claim(
        f"publications of {policy}",
        RegistryEvent.POLICY_PUBLISHED,
        (policy.subject,),
        {
            "digest": policy.digest,
            "environment": policy.environment,
            "published_at": published.published_at.isoformat(),
        },
        pseudonym(published.published_by),
        times=1,
    )


def _of_none(row: str, subject: str) -> Claim:
    published = RegistryEvent.POLICY_PUBLISHED
    return Claim(f"publications of {row}", published, (subject,), times=0)


def _published(model: RegisteredModel) -> set[str]:
    """Return as what the log knows the model's policies, and those of its workspace.

    Neither a workspace nor a model that has a policy is renamed.
    """
    of_workspace = f"policy/{model.workspace.name}/"
    of_model = f"{of_workspace}{model.name}/"
    told = told_below(of_workspace, kind=RegistryEvent.POLICY_PUBLISHED)
    # A policy of tiers is named without a model: by its own name and its number.
    return {
        subject
        for subject in told
        if subject.startswith(of_model)
        or subject.removeprefix(of_workspace).count("/") == 1
    }
