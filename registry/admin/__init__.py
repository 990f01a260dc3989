"""The registry in the Django admin: reviewers read evidence, sign and promote here.

Every row is read-only. The two acts, signing and promoting, are pages of their own that
call the same services as the API.
"""

from registry.admin import (  # noqa: F401 - importing a page registers it
    after_promotion,
    catalogue,
    policies,
    promotion_requests,
    webhooks,
)
