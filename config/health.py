"""Is this process alive, and is it ready to serve? Neither needs a log-in."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from audit import proofs
from registry.models import GateRun, ReportOrder
from registry.services.sign_off_verification import last_sign_off_verification

WAITS_TOO_LONG = timedelta(minutes=5)


def live(_request: HttpRequest) -> JsonResponse:
    """Say that the process answers; asks nothing of the database."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """Say whether the database is there, is migrated and has a log."""
    problems = _problems()
    return JsonResponse(
        {"status": "not ready" if problems else "ok", "problems": problems},
        status=503 if problems else 200,
    )


def summary(_request: HttpRequest) -> JsonResponse:
    """Readiness, and whether the workers keep up."""
    problems = _problems()
    state: dict[str, Any] = {
        "status": "not ready" if problems else "ok",
        "version": settings.VERSION,
        "problems": problems,
    }
    if not problems:
        state |= {"log": _log(), "sign_offs": _sign_offs(), "work": _work()}
    return JsonResponse(state, status=503 if problems else 200)


def _problems() -> list[str]:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return ["The database is not migrated: run manage.py migrate."]
        if not proofs.has_log():
            return ["There is no log yet: run manage.py init_log."]
    except DatabaseError:
        return ["The database does not answer: check ATTESTRY_DATABASE_URL."]
    return []


def _log() -> dict[str, Any]:
    now = proofs.soundness()
    return {
        "size": proofs.log_head().size,
        "pending": proofs.pending_count(),
        "lag_seconds": round(now.lag.total_seconds(), 1),
        "keeps_up": not now.is_late,
        "is_intact": now.is_intact,
        "first_bad_index": now.finding.first_bad_index if now.finding else None,
        "verified_at": proofs.last_verified_at(),
        "is_verified_in_time": not now.is_overdue,
    }


def _sign_offs() -> dict[str, Any]:
    found = last_sign_off_verification()
    return {
        "are_intact": not (found and found.altered),
        "altered_requests": found.altered if found else 0,
        "verified_at": found.finished_at if found else None,
    }


def _work() -> dict[str, Any]:
    waiting_since = timezone.now() - WAITS_TOO_LONG
    open_work = [GateRun.objects.unfinished(), ReportOrder.objects.unfinished()]
    overdue = sum(
        work.filter(created_at__lt=waiting_since).count() for work in open_work
    )
    return {
        "unfinished": sum(work.count() for work in open_work),
        "overdue": overdue,
        "workers_keep_up": overdue == 0,
    }
