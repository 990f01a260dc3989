"""Reads the lineage report of a model version from the tables, the files and the log."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from audit import proofs
from registry.evidence import Evidence, FileName
from registry.models import (
    EvidenceSnapshot,
    ModelVersion,
    Policy,
    Promotion,
    PromotionRequest,
    RequestState,
    Slot,
    Verdict,
)
from registry.policy_document import PolicyDocument, read_policy_document
from registry.reports import exceptions, graph, verdicts
from registry.reports.curves import reliability_bins, roc_curve, score_histogram
from registry.reports.lineage import (
    ArtifactFile,
    ChampionComparison,
    Dataset,
    Fact,
    GateRow,
    Identity,
    LineageReport,
    LogState,
    OtherRequest,
    PinnedPolicy,
    Reliability,
    RocCurve,
    SignOff,
    SlotChange,
    SourceRun,
    TrailLine,
)
from registry.reports.lineage import PromotionRequest as ReportedRequest
from registry.services.evidence import pinned_evidence
from registry.services.quorum import required_signers
from registry.services.sign_offs import missing_roles
from registry.services.version_content import pinned_content
from registry.statistics.delong import area_under_curve
from tracking.models import DatasetInput, Run

ENVIRONMENT_TAG = "environment."
USUAL_BINS = 15


def read_lineage(
    version: ModelVersion, *, now: datetime | None = None
) -> LineageReport:
    """Return all that is on record about a version.

    Files are hashed again while they are read: evidence that is gone or altered raises
    a ConflictError instead of making a report that looks whole.
    """
    moment = now or timezone.now()
    version = _with_people(version)
    requests = _requests(version)
    reported = _reported(requests)
    promotions = _promotions(version)
    run = _run(version.linked_run)
    decision = _Decision(reported) if reported else None
    rows = decision.gates if decision else ()
    request = decision.request(promotions) if decision else None
    datasets = _datasets(version.linked_run)
    policy = _policy(reported.policy) if reported else None
    nodes, edges = graph.drawn_from(
        version=version,
        run=run,
        datasets=datasets,
        request=request,
        policy=policy,
        champion=decision.snapshot.champion if decision else None,
        evidence_paths=decision.evidence_paths if decision else (),
    )
    trail = _trail(version, requests)
    return LineageReport(
        generated_at=moment,
        generator=f"Attestry {settings.VERSION}",
        identity=_identity(version, requests, promotions),
        request=request,
        other_requests=tuple(_other(r) for r in requests if r != reported),
        policy=policy,
        nodes=nodes,
        edges=edges,
        datasets=datasets,
        run=run,
        gates=rows,
        roc=decision.roc(version) if decision else (),
        reliability=decision.reliability() if decision else None,
        comparison=decision.comparison() if decision else None,
        sign_offs=decision.sign_offs() if decision else (),
        slot_history=tuple(_slot_change(promotion) for promotion in promotions),
        trail=trail,
        log=_log(),
        waivers=exceptions.waivers(version, moment),
        attestations=exceptions.attestations(version, moment),
        closings=exceptions.closings(requests),
    )


class _Decision:
    """What belongs to one promotion request: evidence, verdicts, signatures."""

    def __init__(self, row: PromotionRequest) -> None:
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
        self.gates: tuple[GateRow, ...] = tuple(map(verdicts.gate_row, self.verdicts))

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
            submitted_by=_name(row.requested_by),
            submitted_at=row.created_at,
            subject_digest=row.subject_digest,
            required_roles=required_signers(row),
            missing_roles=tuple(missing_roles(row)),
            promoted_by=_name(promotion.promoted_by) if promotion else "",
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
        signed = self.row.sign_offs.select_related("signer").order_by("signed_at", "pk")
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
            )
            for row in signed
        )


def _with_people(version: ModelVersion) -> ModelVersion:
    return (
        ModelVersion.objects.with_lineage()
        .select_related(
            "registered_model__owner", "created_by", "source_run__created_by"
        )
        .get(pk=version.pk)
    )


def _requests(version: ModelVersion) -> list[PromotionRequest]:
    requests = PromotionRequest.objects.with_subject().filter(model_version=version)
    return list(
        requests.select_related(
            "policy__publication__published_by",
            "policy__registered_model__workspace",
            "closing__closed_by",
        ).order_by("-pk")
    )


def _reported(requests: list[PromotionRequest]) -> PromotionRequest | None:
    """Choose the request that put the version into a slot, else the newest."""
    promoted = [r for r in requests if r.state == RequestState.PROMOTED]
    return next(iter(promoted or requests), None)


def _promotions(version: ModelVersion) -> list[Promotion]:
    """Return who took the slots of the model, one after the other."""
    promotions = Promotion.objects.filter(
        slot__registered_model=version.registered_model
    )
    return list(
        promotions.select_related(
            "slot", "request__model_version", "superseded", "promoted_by"
        ).order_by("promoted_at", "pk")
    )


def _identity(
    version: ModelVersion,
    requests: list[PromotionRequest],
    promotions: list[Promotion],
) -> Identity:
    model = version.registered_model
    return Identity(
        workspace=model.workspace.name,
        registered_model=model.name,
        version=version.number,
        purpose=model.purpose,
        tier=model.tier,
        owner=_name(model.owner) if model.owner else "nobody named",
        registered_by=_name(version.created_by),
        registered_at=version.created_at,
        artifact_path=version.content_name,
        artifact_sha256=version.linked_sha256,
        artifact_bytes=pinned_content(version).size_bytes,
        standing=_standing(version, requests, promotions),
    )


def _standing(
    version: ModelVersion,
    requests: list[PromotionRequest],
    promotions: list[Promotion],
) -> str:
    serving = Slot.objects.filter(champion=version).order_by("environment")
    served = {p.slot.environment for p in promotions if p.request in requests}
    if names := list(serving.values_list("environment", flat=True)):
        return f"Champion in {', '.join(names)}"
    if served:
        return f"Superseded in {', '.join(sorted(served))}"
    if not requests:
        return "Registered, not proposed"
    newest = requests[0]
    state = RequestState(newest.state).label
    return f"{state} for {newest.environment}"


def _other(request: PromotionRequest) -> OtherRequest:
    return OtherRequest(
        number=request.pk,
        environment=request.environment,
        state=request.state,
        attempt=request.attempt,
        submitted_at=request.created_at,
    )


def _policy(policy: Policy) -> PinnedPolicy:
    return PinnedPolicy(
        name=policy.name,
        version=policy.version,
        digest=policy.digest,
        published_at=policy.publication.published_at,
        published_by=_name(policy.publication.published_by),
        text=policy.document,
    )


def _slot_change(promotion: Promotion) -> SlotChange:
    return SlotChange(
        environment=promotion.slot.environment,
        version=promotion.request.model_version.number,
        changed_at=promotion.promoted_at,
        changed_by=_name(promotion.promoted_by),
        request_number=promotion.request_id,
    )


def _datasets(run: Run) -> tuple[Dataset, ...]:
    uses = DatasetInput.objects.filter(run=run).select_related("dataset").order_by("pk")
    return tuple(
        Dataset(
            name=use.dataset.name,
            context=use.context,
            digest=use.dataset.digest,
            sha256=str(use.tags.get("sha256", "")),
            row_count=use.dataset.row_count,
            source_type=use.dataset.source_type,
            source=use.dataset.source,
        )
        for use in uses
    )


def _run(run: Run) -> SourceRun:
    tags = [Fact(name=t.key, value=t.value) for t in run.tags.order_by("key")]
    seal = run.seals.order_by("-pk").first()
    return SourceRun(
        experiment=run.experiment.name,
        run_id=run.run_id,
        name=run.name,
        status=run.status,
        created_by=_name(run.created_by),
        started_at=run.started_at,
        ended_at=run.ended_at,
        seal_digest=seal.digest if seal else "",
        params=tuple(
            Fact(name=p.key, value=p.value) for p in run.params.order_by("key")
        ),
        metrics=tuple(
            Fact(name=metric.key, value=repr(metric.number))
            for metric in run.metrics.latest_of_each_key()
        ),
        tags=tuple(t for t in tags if not t.name.startswith(ENVIRONMENT_TAG)),
        environment=tuple(
            Fact(name=t.name.removeprefix(ENVIRONMENT_TAG), value=t.value)
            for t in tags
            if t.name.startswith(ENVIRONMENT_TAG)
        ),
        artifacts=tuple(
            ArtifactFile(path=file.path, sha256=file.sha256, size_bytes=file.size_bytes)
            for file in run.artifacts.current()
        ),
    )


def _trail(
    version: ModelVersion, requests: list[PromotionRequest]
) -> tuple[TrailLine, ...]:
    of_model, logged_model = version.registered_model.subjects, version.logged_model
    subjects = {
        *of_model,
        *version.subjects(of_model),
        version.linked_run.subject,
        *([logged_model.subject] if logged_model else []),
        *(request.subject for request in requests),
        *(request.policy.subject for request in requests),
    }
    entries = proofs.trail(sorted(subjects))
    names = _names_of({entry.actor for entry in entries})
    return tuple(
        TrailLine(
            index=entry.index,
            recorded_at=entry.recorded_at,
            kind=entry.kind,
            actor=names.get(entry.actor, entry.actor),
            subject=entry.subject,
            leaf_hash=entry.leaf_hash,
        )
        for entry in entries
    )


def _names_of(pseudonyms: set[str]) -> dict[str, str]:
    """Return the names behind the log's `user/<id>`, which only our tables know."""
    ids = [
        int(number) for p in pseudonyms if (number := p.removeprefix("user/")).isdigit()
    ]
    return {f"user/{user.pk}": _name(user) for user in User.objects.filter(pk__in=ids)}


def _log() -> LogState:
    head = proofs.log_head()
    return LogState(origin=head.origin, size=head.size, root=head.root)


def _name(user: User) -> str:
    return user.get_full_name() or user.get_username()
