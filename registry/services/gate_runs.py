"""Gates are run here, by a worker: claim, judge, store the verdict, conclude."""

import logging
import os
import platform
import socket
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, DomainError
from audit.services import record, system_account
from audit.tlog.canonical import canonical_bytes, digest
from registry import gate as contract
from registry.events import RegistryEvent
from registry.models import GateRun, PromotionRequest, Verdict
from registry.policy_document import read_policy_document
from registry.services.conclusions import conclude
from registry.services.evidence import pinned_evidence
from registry.services.lease import lease, lease_kept
from registry.verdict import Outcome

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judgement:
    """A gate's answer, or why there is none, with when and where it was found."""

    answer: contract.Verdict | None
    error_code: str
    error_sentence: str
    started_at: datetime
    took_seconds: float


def run_gate(gate_run_pk: int) -> None:
    """Run one gate to its verdict, if nobody else does; safe to call any number of times."""
    claim = GateRun.objects.claim(gate_run_pk, now=timezone.now(), lease=lease())
    if claim is None:
        return
    gate_run = GateRun.objects.select_related("request__policy").get(pk=gate_run_pk)
    with lease_kept(GateRun.objects.all(), gate_run_pk, claim=claim):
        judgement = _judge(gate_run)
    _store(gate_run, judgement, claim=claim)


def _judge(gate_run: GateRun) -> Judgement:
    started_at, started = timezone.now(), time.monotonic()
    answer, code, sentence = None, "", ""
    try:
        answer = _evaluate(gate_run)
    except DomainError as error:
        code, sentence = error.code, error.detail
    except Exception as error:  # whatever a gate raises is an ERROR, never a PASS
        logger.exception("Gate %s of request %s failed", gate_run.gate, gate_run.pk)
        code = "gate_failed"
        sentence = (
            f"The gate could not be evaluated ({type(error).__name__}: {error}). Look at "
            f"the worker's log, mend the cause and ask for a new evaluation."
        )
    return Judgement(answer, code, sentence, started_at, time.monotonic() - started)


def _evaluate(gate_run: GateRun) -> contract.Verdict:
    request = PromotionRequest.objects.with_subject().get(pk=gate_run.request_id)
    policy = read_policy_document(request.policy.document)
    if digest(policy.as_json()) != request.policy.digest:
        raise ConflictError(
            "policy_reads_differently",
            "This release reads the policy otherwise than the one that published it "
            "(a default has changed). Publish the policy anew and ask again.",
        )
    clause = policy.clause(gate_run.gate)
    evidence = pinned_evidence(request, attempt=gate_run.attempt)
    return contract.gate(clause.slug).evaluate(evidence, clause.parameters)


def _store(gate_run: GateRun, judgement: Judgement, *, claim: int) -> None:
    with transaction.atomic():
        request = PromotionRequest.objects.select_for_update().get(
            pk=gate_run.request_id
        )
        if not GateRun.objects.finish(gate_run.pk, claim=claim):
            return
        verdict = _create_verdict(gate_run, judgement)
        record(
            RegistryEvent.VERDICT_GIVEN,
            actor=system_account(),
            subject=request.subject,
            payload={
                "gate": gate_run.gate,
                "attempt": gate_run.attempt,
                "outcome": verdict.outcome,
                "verdict": verdict.digest,
            },
        )
        unfinished = GateRun.objects.of_attempt(request).unfinished()
        if not unfinished.exists():
            conclude(request.pk, now=timezone.now())


def _create_verdict(gate_run: GateRun, judgement: Judgement) -> Verdict:
    answer = judgement.answer
    document = {
        "gate": gate_run.gate,
        "request": gate_run.request_id,
        "attempt": gate_run.attempt,
        "policy": gate_run.request.policy.digest,
        "started_at": judgement.started_at.isoformat(),
        "took_seconds": round(judgement.took_seconds, 6),
        "worker": _worker(),
        "answer": asdict(answer) if answer else None,
        "error": {"code": judgement.error_code, "sentence": judgement.error_sentence}
        if answer is None
        else None,
    }
    return Verdict.objects.create(
        gate_run=gate_run,
        document=canonical_bytes(document).decode(),
        digest=digest(document),
        started_at=judgement.started_at,
        **(_columns(answer) if answer else _columns_of_error(gate_run, judgement)),
    )


def _columns(answer: contract.Verdict) -> dict[str, Any]:
    return {
        "outcome": answer.outcome,
        "estimate": answer.estimate,
        "lower": answer.lower,
        "upper": answer.upper,
        "threshold": answer.threshold,
        "comparator": answer.comparator,
        "n": answer.n,
        "evidence_level": answer.evidence_level,
        "reason_code": answer.reason_code,
        "sentence": answer.sentence,
    }


def _columns_of_error(gate_run: GateRun, judgement: Judgement) -> dict[str, Any]:
    return {
        "outcome": Outcome.ERROR,
        "evidence_level": contract.gate(gate_run.gate).evidence_level,
        "reason_code": judgement.error_code,
        "sentence": judgement.error_sentence,
    }


def _worker() -> dict[str, Any]:
    return {
        "attestry": settings.VERSION,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "python": platform.python_version(),
    }
