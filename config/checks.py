"""What `manage.py check --deploy` asks beyond Django's own checks."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name

from audit.proofs import database_faults


@register(Tags.security, deploy=True)
def database_is_as_migrated(
    app_configs: Sequence[AppConfig] | None, **_options: Any
) -> list[CheckMessage]:
    """Compare triggers and rights with those that should be there."""
    if app_configs is not None:
        return []
    return [
        (Error if fault.is_serious else Warning)(
            fault.sentence, hint=fault.hint, id=f"audit.{fault.code}"
        )
        for fault in database_faults()
    ]
