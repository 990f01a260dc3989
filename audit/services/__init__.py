"""Writing to the log: `record()` for one event; starting a log and changing its keys."""

from audit.services.log import init_log
from audit.services.recording import (
    pseudonym,
    record,
    refusals_recorded,
    system_account,
)

__all__ = ["init_log", "pseudonym", "record", "refusals_recorded", "system_account"]
