"""Reads what belongs to one promotion request: evidence, verdicts, signatures."""

from datetime import datetime

from registry import models
from registry.evidence import Evidence, FileName
from registry.models import (
    EvidenceSnapshot,
    ModelVersion,
    Promotion,
    PromotionRequest,
    Verdict,
)
from registry.policy_document import PolicyDocument, read_policy_document
from registry.reports import verdicts
from registry.reports.curves import reliability_bins, roc_curve, score_histogram
from registry.reports.lineage import (
    ChampionComparison,
    GateRow,
    Reliability,
    RocCurve,
    SignOff,
)
from registry.reports.lineage import PromotionRequest as ReportedRequest
from registry.reports.oversight import Delegation
from registry.reports.people import name_of
from registry.services.assessment import waivers_that_count
from registry.services.evidence import pinned_evidence
from registry.services.quorum import required_signers
from registry.services.sign_offs import missing_roles
from registry.statistics.delong import area_under_curve

USUAL_BINS = 15


class ReadRequest:
    """What belongs to one promotion request: evidence, verdicts, signatures."""

    def __init__(self, row: PromotionRequest, moment: datetime) -> None:
        self.row = row
        self.policy: PolicyDocument = read_policy_document(row.policy.document)
        self.snapshot: EvidenceSnapshot = row.snapshots.select_related(
            "champion__registered_model",
            "champion__source_run",
            "champion__logged_model",
            "champion__artifact",
        ).get(attempt=row.attempt)
        self.evidence: Evidence = pinned_evidence(row, attempt=row.attempt)
        self.verdicts = list(
            Verdict.objects.filter(gate_run__request=row)
            .select_related("gate_run")
            .order_by("gate_run__attempt", "gate_run__position")
        )
        of_this_attempt = {
            verdict.gate_run.gate: verdict
            for verdict in self.verdicts
            if verdict.gate_run.attempt == row.attempt
        }
        counting = waivers_that_count(
            row, self.policy, moment, verdicts=of_this_attempt
        )
        waivers = {gate: waiver.pk for gate, waiver in counting.items()}
        self.gates: tuple[GateRow, ...] = tuple(
            verdicts.gate_row(
                verdict,
                waivers
                if verdict.gate_run.attempt == row.attempt
                else verdicts.NO_WAIVERS,
            )
            for verdict in self.verdicts
        )

    @property
    def evidence_paths(self) -> tuple[str, ...]:
        return tuple(self.policy.evidence.values())

    def request(self, promotions: list[Promotion]) -> ReportedRequest:
        row = self.row
        promotion = next((p for p in promotions if p.request_id == row.pk), None)
        former = promotion.superseded if promotion else self.snapshot.champion
        return ReportedRequest(
            number=row.pk,
            environment=row.environment,
            state=row.state,
            attempt=row.attempt,
            submitted_by=name_of(row.requested_by),
            submitted_at=row.created_at,
            subject_digest=row.subject_digest,
            required_roles=required_signers(row),
            missing_roles=tuple(missing_roles(row)),
            promoted_by=name_of(promotion.promoted_by) if promotion else "",
            promoted_at=promotion.promoted_at if promotion else None,
            former_champion=former.number if former else None,
        )

    def roc(self, version: ModelVersion) -> tuple[RocCurve, ...]:
        candidate, champion = self.evidence.candidate, self.evidence.champion
        if FileName.PREDICTIONS not in candidate.files:
            return ()
        shown = [(f"Version {version.number}", candidate)]
        if champion and self.snapshot.champion:
            shown.append((f"Champion, v{self.snapshot.champion.number}", champion))
        return tuple(
            roc_curve(
                label,
                files.predictions.labels,
                files.predictions.scores,
                auc=area_under_curve(
                    files.predictions.labels, files.predictions.scores
                ).value,
            )
            for label, files in shown
        )

    def reliability(self) -> Reliability | None:
        candidate = self.evidence.candidate
        if FileName.PREDICTIONS not in candidate.files:
            return None
        labels, scores = candidate.predictions.labels, candidate.predictions.scores
        bins = reliability_bins(labels, scores, count=self._bins())
        return Reliability(
            binning=f"{len(bins)} bins of equally many rows",
            bins=bins,
            histogram=score_histogram(scores),
        )

    def _bins(self) -> int:
        """Return the bins of the policy's calibration gate, so that figure and gate agree."""
        chosen = (
            getattr(clause.parameters, "bins", None) for clause in self.policy.gates
        )
        return next((bins for bins in chosen if bins), USUAL_BINS)

    def comparison(self) -> ChampionComparison | None:
        champion = self.snapshot.champion
        latest = [v for v in self.verdicts if v.gate_run.attempt == self.row.attempt]
        compared = (verdicts.comparison(v, champion) for v in latest if champion)
        return next(filter(None, compared), None)

    def sign_offs(self) -> tuple[SignOff, ...]:
        signed = self.row.sign_offs.select_related(
            "signer", "delegation__withdrawal"
        ).order_by("signed_at", "pk")
        opened = self._opened()
        return tuple(
            SignOff(
                printed_name=row.printed_name,
                username=row.signer.get_username(),
                role=row.role,
                signed_at=row.signed_at,
                meaning=row.meaning,
                reason=row.reason,
                authentication=row.method,
                subject_digest=row.subject_digest,
                is_valid=row.subject_digest == self.row.subject_digest,
                evidence_opened_at=opened.get((row.signer_id, row.subject_digest)),
                delegation=_delegation(row.delegation),
            )
            for row in signed
        )

    def _opened(self) -> dict[tuple[int, str], datetime]:
        """Return when each person first opened the evidence of each digest."""
        views = self.row.evidence_views.values_list(
            "viewer", "subject_digest", "viewed_at"
        )
        return {(viewer, digest): moment for viewer, digest, moment in views}


def _delegation(row: models.Delegation | None) -> Delegation | None:
    if row is None:
        return None
    withdrawal = getattr(row, "withdrawal", None)
    return Delegation(
        number=row.pk,
        delegator=row.printed_name,
        scope="this model" if row.registered_model_id else "all of the workspace",
        reason=row.reason,
        authentication=row.method,
        signed_at=row.signed_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        withdrawn_at=withdrawal.withdrawn_at if withdrawal else None,
    )
