"""The kinds of entry that the log writes about itself."""

from enum import StrEnum


class AuditEvent(StrEnum):
    """`<app>.<subject>.<past participle>`; `docs/events.md` gives each its payload."""

    LOG_INITIALISED = "audit.log.initialised"
    LOG_CLOSED = "audit.log.closed"
    LOG_FOUND_ALTERED = "audit.log.found_altered"
    LOG_FOUND_INTACT = "audit.log.found_intact"
    LOG_KEY_ADDED = "audit.log_key.added"
    LOG_KEY_RETIRED = "audit.log_key.retired"
