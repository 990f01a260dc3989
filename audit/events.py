"""The kinds of entry that the log writes about itself."""

from enum import StrEnum


class AuditEvent(StrEnum):
    """`<app>.<subject>.<past participle>`; `docs/events.md` gives each its payload."""

    LOG_INITIALISED = "audit.log.initialised"
    LOG_CLOSED = "audit.log.closed"
    LOG_KEY_ADDED = "audit.log_key.added"
    LOG_KEY_RETIRED = "audit.log_key.retired"
