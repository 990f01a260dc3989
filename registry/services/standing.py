"""How versions stand: stages and aliases as MLflow's clients see them.

Where an environment is governed its slot says who stands there, whatever somebody once
stored as stage or alias; elsewhere what is stored counts, as with plain MLflow.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from registry.models import RegisteredModel, Stage
from registry.models.contents import facts
from registry.models.version_listing import ENVIRONMENT_OF
from tracking.models import Workspace

# The alias that MLflow's own guides give to what serves.
CHAMPION = "champion"
CHAMPION_OF = "production"


@dataclass(frozen=True)
class Standing:
    """What governs one model: its environments, and who serves there.

    `champions` maps an environment to the key and the number of a version, `stored` an
    alias to a number.
    """

    governed: frozenset[str] = frozenset()
    champions: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    stored: Mapping[str, int] = field(default_factory=dict)

    @cached_property
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
        stage = Stage(stored)
        return Stage.NONE if self.is_governed(ENVIRONMENT_OF.get(stage)) else stage

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

    def aliases(self) -> dict[str, int]:
        """Return the number of the version that each alias means."""
        found = {
            name: number
            for name, number in self.stored.items()
            if self.environment_of(name) is None
        }
        found |= {name: number for name, (_, number) in self.champions.items()}
        if CHAMPION_OF in self.champions:
            found[CHAMPION] = found[CHAMPION_OF]
        return found

    @cached_property
    def names(self) -> dict[int, list[str]]:
        """Return the aliases that mean the version of each number, sorted."""
        found: dict[int, list[str]] = {}
        for name, number in sorted(self.aliases().items()):
            found.setdefault(number, []).append(name)
        return found


@dataclass(frozen=True)
class Standings:
    """How some models and versions of one workspace stand, and how they are labelled."""

    governed: frozenset[str]
    models: Mapping[int, Standing]
    model_tags: Mapping[int, Mapping[str, str]]
    version_tags: Mapping[int, Mapping[str, str]]


def standing_of(model: RegisteredModel) -> Standing:
    return standings(model.workspace, models=[model.pk]).models[model.pk]


def standings(
    workspace: Workspace, *, models: Iterable[int], versions: Iterable[int] = ()
) -> Standings:
    """Return it all in one query."""
    wanted = sorted(set(models))
    found: dict[str, dict[int, dict[str, tuple[str, int]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for kind, owner, key, value, number in facts(
        workspace.pk, models=wanted, versions=sorted(set(versions))
    ):
        found[kind][owner][key] = (value, number)
    governed = frozenset(found["governed"][0])
    told_of = found["slot"].keys() | found["alias"].keys()
    plain = Standing(governed)  # as most stand
    return Standings(
        governed=governed,
        models={
            pk: _standing(pk, governed, found) if pk in told_of else plain
            for pk in wanted
        },
        model_tags=_texts(found["model tag"]),
        version_tags=_texts(found["version tag"]),
    )


def _standing(
    pk: int,
    governed: frozenset[str],
    found: Mapping[str, Mapping[int, Mapping[str, tuple[str, int]]]],
) -> Standing:
    champions, stored = found["slot"].get(pk, {}), found["alias"].get(pk, {})
    return Standing(
        governed,
        {name: (int(key), number) for name, (key, number) in champions.items()},
        {name: number for name, (_, number) in sorted(stored.items())},
    )


def _texts(
    rows: Mapping[int, Mapping[str, tuple[str, int]]],
) -> dict[int, dict[str, str]]:
    return {
        owner: {key: value for key, (value, _) in sorted(of_owner.items())}
        for owner, of_owner in rows.items()
    }
