"""The registry in the Django admin: reviewers read evidence, sign and promote here.

Every row is read-only. Each act, such as signing or promoting, is a page of its own that
calls the same service as the API.
"""

from registry.admin import (  # noqa: F401 - importing a page registers it
    after_promotion,
    delegations,
    model_versions,
    policies,
    promotion_requests,
    registered_models,
    slots,
    webhooks,
)
