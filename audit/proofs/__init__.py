"""What can be proven from the log: that it is whole, and what it says of a subject."""

from audit.proofs.faults import Fault
from audit.proofs.reading import (
    LogHead,
    TrailEntry,
    has_log,
    log_head,
    pending_count,
    trail,
)
from audit.proofs.verification import LogVerification, scrub, verify_log

__all__ = [
    "Fault",
    "LogHead",
    "LogVerification",
    "TrailEntry",
    "has_log",
    "log_head",
    "pending_count",
    "scrub",
    "trail",
    "verify_log",
]
