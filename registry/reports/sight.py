"""Names other models only as far as somebody sees them, and counts the rest."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q

from registry.models import RegisteredModel
from tracking.models import Workspace


@dataclass(frozen=True)
class Sight:
    """The names of a workspace's models that somebody sees and that others lean on."""

    workspace: str
    seen: frozenset[str]

    def names(self, stated: Iterable[str]) -> tuple[tuple[str, ...], int]:
        """Return the names that are seen, and how many are not."""
        every = tuple(stated)
        named = tuple(name for name in every if name in self.seen)
        return named, len(every) - len(named)

    def subjects(self, stated: Iterable[str]) -> tuple[tuple[str, ...], int]:
        """Return slots and the models that are seen, and how many models are not."""
        every = tuple(stated)
        prefix = f"model/{self.workspace}/"
        named = tuple(
            subject
            for subject in every
            if not subject.startswith(prefix)
            or subject.removeprefix(prefix) in self.seen
        )
        return named, len(every) - len(named)


def sight_of(reader: User, workspace: Workspace) -> Sight:
    leans = Q(dependants__isnull=False) | Q(cards__dependencies__isnull=False)
    models = RegisteredModel.objects.visible_to(reader).filter(
        leans, workspace=workspace
    )
    return Sight(workspace.name, frozenset(models.values_list("name", flat=True)))
