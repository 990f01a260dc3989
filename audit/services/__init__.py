"""Writing to the log: `record()` for one event; start, keys, and what is found of it."""

from audit.services.alarms import raise_alarm
from audit.services.copies import send_copies_when_due
from audit.services.erasure import Opening, erase_openings, openings_of
from audit.services.log import init_log
from audit.services.recording import (
    change_and_record,
    pseudonym,
    record,
    refusals_recorded,
    system_account,
)
from audit.services.verification import take_turn, verify_when_due

__all__ = [
    "Opening",
    "change_and_record",
    "erase_openings",
    "init_log",
    "openings_of",
    "pseudonym",
    "raise_alarm",
    "record",
    "refusals_recorded",
    "send_copies_when_due",
    "system_account",
    "take_turn",
    "verify_when_due",
]
