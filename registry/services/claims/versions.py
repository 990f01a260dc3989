"""What the log must tell of a version: that it was registered, its data, its end."""

from collections.abc import Iterator
from datetime import datetime

from audit.services import pseudonym
from registry.events import RegistryEvent
from registry.models import ModelVersion, Retirement
from registry.services.reconciliation import Claim
from tracking.events import TrackingEvent
from tracking.lineage import data_of_lineage


def claim_of_version(version: ModelVersion, names: frozenset[str]) -> Claim:
    return Claim(
        f"{version}",
        RegistryEvent.VERSION_REGISTERED,
        tuple(names),
        {
            "source_run": version.linked_run.subject,
            "artifact_path": version.path,
            "artifact_sha256": version.artifact_sha256,
        },
        pseudonym(version.created_by),
    )


def claims_of_data(version: ModelVersion) -> Iterator[Claim]:
    """Return what cards ever said of the data of its lineage: labels and labellers."""
    for dataset in data_of_lineage(version.linked_run):
        cards = dataset.cards.all()
        subjects = (dataset.subject,)
        described = TrackingEvent.DATASET_DESCRIBED
        yield Claim(f"cards of {dataset}", described, subjects, times=len(cards))
        for card in cards:
            labellers = sorted(stated.user_id for stated in card.labellers.all())
            yield Claim(
                f"card {card.number} of {dataset}",
                described,
                subjects,
                {
                    "number": card.number,
                    "sensitivity": card.sensitivity,
                    "labellers": [f"user/{key}" for key in labellers],
                },
                pseudonym(card.created_by),
            )


def claim_of_retirements(version: ModelVersion, names: frozenset[str]) -> Claim:
    model = version.registered_model
    return Claim(
        f"retirements of {version}",
        RegistryEvent.RETIREMENT_SIGNED,
        (*names, *model.subjects),
        times=Retirement.objects.of_version(version).count(),
    )


def names_of(version: ModelVersion) -> frozenset[str]:
    """Return as what the log knows a version, whatever its model was called.

    It is not renamed any more once a policy or a request goes by its name.
    """
    return frozenset(version.subjects(version.registered_model.subjects))


def spelled(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
