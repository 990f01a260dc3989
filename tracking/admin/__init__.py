"""Accounts, tokens, roles, data and runs in the Django admin: rows to read, acts as pages.

Whatever changes here does so by a service, which writes an entry.
"""

from tracking.admin import (  # noqa: F401 - importing a page registers it
    accounts,
    datasets,
    role_grants,
    runs,
    tokens,
)
