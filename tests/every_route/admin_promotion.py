"""Acts on the pages of requests and models: signatures, waivers, the promotion, the tier."""

from registry.models import PromotionRequest, RegisteredModel, WaiverScope
from tests.every_route import promotion
from tests.every_route.asking import Ask
from tests.every_route.pages import Pages, on, seen, stating

PAGES = Pages(promotion.TABLE)
REQUEST = "admin/registry/promotionrequest/<int:pk>/"
MODEL = "admin/registry/registeredmodel/<int:pk>/acts/"


def with_its_waiver(ask: Ask) -> Ask:
    """Choose on the request's page the waiver that the call has in its path."""
    return on(PromotionRequest)(stating(waiver=ask.path["pk"])(ask))


PAGES.act(f"{REQUEST}sign-off/", promotion.sign_last, seen)
PAGES.act(f"{REQUEST}promote/", promotion.promote)
PAGES.act(f"{REQUEST}acts/reject/", promotion.reject, seen)
PAGES.act(f"{REQUEST}acts/withdraw/", promotion.withdraw)
PAGES.act(f"{REQUEST}acts/invalidate/", promotion.invalidate)
PAGES.act(
    f"{REQUEST}acts/ask-for-waiver/",
    promotion.ask_for_waiver,
    stating(scope=WaiverScope.REQUEST),
)
PAGES.act(f"{REQUEST}acts/approve-waiver/", promotion.approve_waiver, with_its_waiver)
PAGES.act(f"{REQUEST}acts/withdraw-waiver/", promotion.withdraw_waiver, with_its_waiver)
PAGES.act(
    f"{REQUEST}acts/attest/", promotion.attest, on(PromotionRequest), stating(days=90)
)
PAGES.act(f"{MODEL}assess-tier/", promotion.assess_tier, on(RegisteredModel))
