"""Acts on the pages around what serves: slots, emergencies, findings, the end."""

from datetime import timedelta

from django.utils import timezone

from registry.models import ModelVersion, RegisteredModel, Slot
from tests.every_route import serving
from tests.every_route.asking import Ask
from tests.every_route.pages import Pages, on, stating

PAGES = Pages(serving.TABLE)
REGISTRY = "admin/registry"
MODEL = f"{REGISTRY}/registeredmodel/<int:pk>/acts/"
VERSION = f"{REGISTRY}/modelversion/<int:pk>/acts/"
SLOT = f"{REGISTRY}/slot/<int:pk>/acts/"
FINDING = f"{REGISTRY}/finding/<int:pk>/acts/"


def back_to_first(ask: Ask) -> Ask:
    return stating(to=ModelVersion.objects.get(number=1).pk)(ask)


def until_a_day(ask: Ask) -> Ask:
    return stating(until=timezone.now().date() + timedelta(days=10))(ask)


SECOND = on(ModelVersion, number=2)
PAGES.act(f"{VERSION}add-challenger/", serving.add_challenger, SECOND)
PAGES.act(f"{VERSION}remove-challenger/", serving.remove_challenger, SECOND)
PAGES.act(f"{VERSION}break-glass/", serving.ask_to_break_glass, SECOND)
PAGES.act(f"{VERSION}retire/", serving.retire, on(ModelVersion))
PAGES.act(f"{MODEL}retire/", serving.retire, on(RegisteredModel))
PAGES.act(
    f"{MODEL}open-finding/",
    serving.open_finding,
    on(RegisteredModel),
    stating(description="Seen in the slice below 25."),
)
PAGES.act(f"{SLOT}roll-back/", serving.roll_back, on(Slot), back_to_first)
PAGES.act(f"{SLOT}revalidate/", serving.revalidate, on(Slot))
PAGES.act(f"{REGISTRY}/freeze/<int:pk>/acts/lift/", serving.lift_freeze)
PAGES.act(f"{REGISTRY}/breakglass/<int:pk>/acts/confirm/", serving.confirm_break_glass)
PAGES.act(f"{FINDING}move/", serving.move_finding)
PAGES.act(f"{FINDING}accept-risk/", serving.accept_risk, until_a_day)
PAGES.act(f"{REGISTRY}/delivery/<int:pk>/acts/replay/", serving.replay)
