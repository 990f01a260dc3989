"""How versions stand: stages and aliases as MLflow's clients see them.

Where an environment is governed its slot says who stands there, whatever somebody once
stored as stage or alias; elsewhere what is stored counts, as with plain MLflow.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Max

from registry.models import (
    Alias,
    ModelVersion,
    RegisteredModel,
    Slot,
    Stage,
    VersionListing,
)
from registry.models.version_listing import ENVIRONMENT_OF
from registry.services.governance import governed_environments
from tracking.models import Workspace

# The alias that MLflow's own guides give to what serves.
CHAMPION = "champion"
CHAMPION_OF = "production"


@dataclass(frozen=True)
class Standing:
    """What governs one model: its environments, and who serves there.

    `champions` maps an environment to the key and the number of a version.
    """

    governed: frozenset[str] = frozenset()
    champions: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def staged(self) -> dict[int, Stage]:
        """Return in which stage each version stands that a slot says so of."""
        found = {}
        for stage in (Stage.STAGING, Stage.PRODUCTION):
            if champion := self.champions.get(ENVIRONMENT_OF[stage]):
                found[champion[0]] = stage
        return found

    def stage(self, version_pk: int, stored: str) -> Stage:
        return self.staged.get(version_pk) or self.stored_stage(stored)

    def stored_stage(self, stored: str) -> Stage:
        """Return what a stored stage means; nothing, where a slot says who stands there."""
        is_of_slot = self.is_governed(ENVIRONMENT_OF.get(Stage(stored)))
        return Stage.NONE if is_of_slot else Stage(stored)

    def is_governed(self, environment: str | None) -> bool:
        return environment in self.governed or environment in self.champions

    def serves(self, version_pk: int, environment: str) -> bool:
        champion = self.champions.get(environment)
        return champion is not None and champion[0] == version_pk

    def environment_of(self, alias: str) -> str | None:
        """Return the governed environment whose champion an alias means, if it does.

        In any letter case, so that nobody mistakes `Champion` for it.
        """
        word = alias.casefold()
        environment = CHAMPION_OF if word == CHAMPION else word
        return environment if self.is_governed(environment) else None

    def slot_aliases(self) -> dict[str, int]:
        """Return the aliases that slots stand for, with the number of the version."""
        found = {name: number for name, (_, number) in self.champions.items()}
        if CHAMPION_OF in found:
            found[CHAMPION] = found[CHAMPION_OF]
        return found


def standing_of(model: RegisteredModel) -> Standing:
    return standings([model.pk], workspace=model.workspace)[model.pk]


def standings(models: Iterable[int], *, workspace: Workspace) -> dict[int, Standing]:
    """Return what governs each of some models of a workspace, in two queries."""
    wanted = list(models)
    champions: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    slots = Slot.objects.filter(registered_model__in=wanted, champion__isnull=False)
    for model, environment, pk, number in slots.values_list(
        "registered_model_id", "environment", "champion_id", "champion__number"
    ):
        champions[model][environment] = (pk, number)
    governed = governed_environments(workspace)
    return {pk: Standing(governed, champions[pk]) for pk in wanted}


def aliases_of(standing: Mapping[int, Standing]) -> dict[int, dict[str, int]]:
    """Return what each alias of some models means, by the number of the version."""
    found: dict[int, dict[str, int]] = {pk: {} for pk in standing}
    stored = Alias.objects.filter(registered_model__in=standing).order_by("name")
    for model, name, number in stored.values_list(
        "registered_model_id", "name", "version__number"
    ):
        if standing[model].environment_of(name) is None:
            found[model][name] = number
    for model, one in standing.items():
        found[model].update(one.slot_aliases())
    return found


def latest_versions(
    standing: Mapping[int, Standing],
) -> dict[int, dict[Stage, ModelVersion]]:
    """Return the newest version in each stage of some models, in two queries."""
    staged = {
        pk: stage for one in standing.values() for pk, stage in one.staged.items()
    }
    newest: dict[tuple[int, Stage], int] = {}
    of_stages = (
        VersionListing.objects.active()
        .filter(registered_model__in=standing)
        .exclude(pk__in=staged)
        .values_list("registered_model_id", "stage")
        .annotate(newest=Max("pk"))
    )
    for model, stored, pk in of_stages.order_by():
        place = model, standing[model].stored_stage(stored)
        newest[place] = max(newest.get(place, 0), pk)
    wanted = {*newest.values(), *staged}
    found: dict[int, dict[Stage, ModelVersion]] = defaultdict(dict)
    for version in ModelVersion.objects.with_listing().filter(pk__in=wanted):
        one = standing[version.registered_model_id]
        stage = one.stage(version.pk, version.listing.stage)
        found[version.registered_model_id][stage] = version
    return found
