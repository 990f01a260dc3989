"""What can be proven from the log: that it is whole, and what it says of a subject."""

from audit.proofs.database import (
    DatabaseFault,
    database_faults,
    refuse_altered_database,
)
from audit.proofs.faults import Fault
from audit.proofs.openings import Openings, kept_values, openings
from audit.proofs.reading import (
    LogHead,
    TrailEntry,
    count_since,
    has_acted,
    has_log,
    log_head,
    pending_count,
    told_below,
    trail,
)
from audit.proofs.soundness import (
    Soundness,
    last_verified_at,
    refuse_unsound_log,
    soundness,
)
from audit.proofs.verification import LogVerification, scrub, verify_log

__all__ = [
    "DatabaseFault",
    "Fault",
    "LogHead",
    "LogVerification",
    "Openings",
    "Soundness",
    "TrailEntry",
    "count_since",
    "database_faults",
    "has_acted",
    "has_log",
    "kept_values",
    "last_verified_at",
    "log_head",
    "openings",
    "pending_count",
    "refuse_altered_database",
    "refuse_unsound_log",
    "scrub",
    "soundness",
    "told_below",
    "trail",
    "verify_log",
]
