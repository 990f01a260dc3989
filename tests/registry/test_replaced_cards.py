"""Of two who write a card of one thing, the later is told that there is a newer one."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from audit.errors import ConflictError
from registry.models import ModelCard, RegisteredModel
from tests import factories
from tests.factories import Cast
from tests.races import overtaken
from tests.registry.test_api import post, problem
from tracking.models import DatasetCard, Workspace

Write = Callable[[int | None], object]
KINDS = ("dataset", "model")


def writing(kind: str, workspace: Workspace, people: Cast) -> Write:
    """Return what writes a card of one dataset or model against another card."""
    if kind == "dataset":
        dataset = factories.dataset(workspace, people.alice)
        return lambda replaces: factories.card(dataset, people.alice, replaces=replaces)
    model = factories.model(workspace, people)
    return lambda replaces: factories.model_card(
        RegisteredModel.objects.get(pk=model.pk), people, replaces=replaces
    )


def numbers(kind: str) -> list[int]:
    cards = DatasetCard if kind == "dataset" else ModelCard
    return sorted(cards._default_manager.values_list("number", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_card_is_written_against_the_newest_or_refused(kind, workspace, cast):
    write = writing(kind, workspace, cast)
    write(0)
    write(1)

    for replaces in (0, 1, 3):
        with pytest.raises(ConflictError) as refusal:
            write(replaces)
        assert (refusal.value.code, refusal.value.extra) == (
            "card_replaced",
            {"newest": 2},
        )

    assert numbers(kind) == [1, 2]
    write(None)
    assert numbers(kind) == [1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_cards_at_once_one_is_refused(kind, contended):
    people = {user.username: user for user in User.objects.all()}
    cast = Cast(**{name: people[name] for name in Cast.__dataclass_fields__})
    write = writing(kind, contended, cast)

    assert overtaken(lambda: write(0), lambda: write(0)) == ("done", "card_replaced")
    assert numbers(kind) == [1]


@pytest.mark.django_db
def test_late_cards_are_refused_over_http(workspace, cast, as_token):
    dataset = factories.dataset(workspace, cast.alice)
    factories.model(workspace, cast)
    card = {"registered_model": "credit", "purpose": "P", "owner": "olivia"}
    ways = (
        (as_token(cast.alice), f"datasets/{dataset.pk}/cards/", {"rows": 10}),
        (as_token(cast.olivia), "model-cards/", card),
    )
    for client, path, stated in ways:
        assert post(client, path, **stated, replaces=0).json()["number"] == 1
        late = post(client, path, **stated, replaces=0)
        assert (problem(late), late.json()["newest"]) == ((409, "card_replaced"), 1)
        assert post(client, path, **stated).json()["number"] == 2
