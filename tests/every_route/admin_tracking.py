"""Acts on the pages about what was run, and on which data."""

from tests.every_route import tracking
from tests.every_route.pages import Pages, stating

PAGES = Pages(tracking.TABLE)

PAGES.act(
    "admin/tracking/dataset/<int:pk>/acts/describe/",
    tracking.describe_dataset,
    stating(looked="not_stated", replaces=0),
)
