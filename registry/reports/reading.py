"""Reads the lineage report of a model version from the tables, the files and the log."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from audit import proofs
from registry import models
from registry.models import (
    ModelVersion,
    Policy,
    Promotion,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Retirement,
    Slot,
)
from registry.permissions import orders_drafts
from registry.reports import descriptions, exceptions, graph, reviews, slots
from registry.reports.lineage import (
    ArtifactFile,
    Dataset,
    Fact,
    Identity,
    LineageReport,
    LogState,
    OtherRequest,
    PinnedPolicy,
    SourceRun,
    TrailLine,
)
from registry.reports.oversight import BreakGlass, Decision, Reason
from registry.reports.people import name_of
from registry.reports.requests import ReadRequest
from registry.reports.sight import Sight, sight_of
from registry.services import decisions
from registry.services.quorum import note_sensitive_data
from registry.services.retirements import models_that_stand_on
from registry.services.version_content import pinned_content
from tracking.models import DatasetInput, Run

ENVIRONMENT_TAG = "environment."


def read_lineage(
    version: ModelVersion, *, reader: User, now: datetime | None = None
) -> LineageReport:
    """Return all that is on record about a version.

    Other models are named as far as the reader sees them, and counted otherwise.
    Files are hashed again while they are read: evidence that is gone or altered raises
    a ConflictError instead of making a report that looks whole.
    """
    moment = now or timezone.now()
    version = _with_people(version)
    requests = _requests(version)
    reported = _reported(requests)
    model = version.registered_model
    sight = sight_of(reader, model.workspace)
    held = _slots(model)
    promotions = _promotions(version)
    retired = _retirements(model)
    emergencies = exceptions.break_glasses(held, moment)
    rollbacks = exceptions.rollbacks(held, moment)
    findings = reviews.findings(model, moment)
    card = descriptions.newest_card(model, sight)
    run = _run(version.linked_run)
    decision = ReadRequest(reported, moment) if reported else None
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
        emergencies=emergencies,
    )
    sign_offs = decision.sign_offs() if decision else ()
    report = LineageReport(
        generated_at=moment,
        generator=f"Attestry {settings.VERSION}",
        identity=_identity(
            version,
            sight,
            standing=slots.standing(
                version,
                slots=held,
                requests=requests,
                promotions=promotions,
                emergencies=emergencies,
                is_retired=bool(_own(retired, version)),
                now=moment,
            ),
        ),
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
        sign_offs=sign_offs,
        slot_history=slots.history(promotions, emergencies, rollbacks, retired),
        trail=(),
        log=_log(),
        waivers=exceptions.waivers(version, moment),
        attestations=exceptions.attestations(version, moment),
        closings=exceptions.closings(requests),
        decisions=_decisions(version, requests, emergencies, moment),
        card=card,
        tier_assessments=descriptions.tier_assessments(model),
        break_glasses=emergencies,
        rollbacks=rollbacks,
        retirements=tuple(exceptions.retirements(_own(retired, version), sight)),
        findings=findings,
        challengers=reviews.challengers(held, promotions),
        revalidation=reviews.revalidation(version, held, card, moment),
        is_draft=orders_drafts(reader, model),
    )
    return replace(report, trail=_trail(version, requests, held, report))


def _with_people(version: ModelVersion) -> ModelVersion:
    return (
        ModelVersion.objects.with_lineage()
        .select_related(
            "registered_model__owner", "created_by", "source_run__created_by"
        )
        .get(pk=version.pk)
    )


def _requests(version: ModelVersion) -> list[PromotionRequest]:
    found = PromotionRequest.objects.with_subject().filter(model_version=version)
    requests = list(
        found.select_related(
            "policy__publication__published_by",
            "policy__registered_model__workspace",
            "closing__closed_by",
            "model_version__artifact",
        ).order_by("-pk")
    )
    note_sensitive_data(requests)
    return requests


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


def _slots(model: RegisteredModel) -> list[Slot]:
    slots = Slot.objects.filter(registered_model=model).with_champion()
    return list(slots.order_by("environment"))


def _retirements(model: RegisteredModel) -> list[Retirement]:
    """Return those of the model and of every version, oldest first."""
    return list(
        model.retirements.select_related("model_version").order_by("retired_at", "pk")
    )


def _own(retired: Iterable[Retirement], version: ModelVersion) -> list[Retirement]:
    about = {None, version.pk}
    return [row for row in retired if row.model_version_id in about]


def _identity(version: ModelVersion, sight: Sight, *, standing: str) -> Identity:
    model = version.registered_model
    leaning = [other.name for other in models_that_stand_on(model)]
    downstream, unnamed = sight.names(leaning)
    return Identity(
        workspace=model.workspace.name,
        registered_model=model.name,
        version=version.number,
        purpose=model.purpose,
        tier=model.tier,
        owner=name_of(model.owner) if model.owner else "nobody named",
        registered_by=name_of(version.created_by),
        registered_at=version.created_at,
        artifact_path=version.content_name,
        artifact_sha256=version.linked_sha256,
        artifact_bytes=pinned_content(version).size_bytes,
        standing=standing,
        downstream=downstream,
        downstream_unnamed=unnamed,
    )


def _decisions(
    version: ModelVersion,
    requests: Iterable[PromotionRequest],
    emergencies: Iterable[BreakGlass],
    now: datetime,
) -> tuple[Decision, ...]:
    """Ask wherever somebody wanted the version to serve."""
    wanted = {request.environment for request in requests}
    wanted |= {e.environment for e in emergencies if e.version == version.number}
    answers = (
        decisions.decide(version, environment=environment, now=now)
        for environment in sorted(wanted)
    )
    return tuple(
        Decision(
            environment=answer.environment,
            answer=str(answer.answer),
            reasons=_reasons(answer.reasons),
            warnings=_reasons(answer.warnings),
            waivers=tuple(waiver.pk for waiver in answer.waivers),
            restrictions=answer.restrictions,
            expires_at=answer.expires_at,
        )
        for answer in answers
    )


def _reasons(given: Iterable[decisions.Reason]) -> tuple[Reason, ...]:
    return tuple(Reason(code=why.code, sentence=why.sentence) for why in given)


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
        published_by=name_of(policy.publication.published_by),
        text=policy.document,
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
        created_by=name_of(run.created_by),
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
    version: ModelVersion,
    requests: Iterable[PromotionRequest],
    held: Iterable[Slot],
    report: LineageReport,
) -> tuple[TrailLine, ...]:
    of_model, logged_model = version.registered_model.subjects, version.logged_model
    subjects = {
        *of_model,
        *version.subjects(of_model),
        version.linked_run.subject,
        *([logged_model.subject] if logged_model else []),
        *(request.subject for request in requests),
        *(request.policy.subject for request in requests),
        *_oversight_subjects(held, of_model, report),
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


def _oversight_subjects(
    held: Iterable[Slot], of_model: Iterable[str], report: LineageReport
) -> Iterator[str]:
    """Yield as what the log knows slots, emergencies, freezes, findings, delegations."""
    number = report.identity.version
    asked = {decision.environment for decision in report.decisions}
    for slot in held:
        if slot.environment in asked:
            yield from slot.subjects(of_model)
    for broken in report.break_glasses:
        if number in {broken.version, broken.fallback}:
            yield models.BreakGlass(pk=broken.number).subject
    for undone in report.rollbacks:
        if number in {undone.rolled_back, undone.to}:
            yield models.Freeze(pk=undone.freeze).subject
    for found in report.findings_about_it:
        yield models.Finding(pk=found.number).subject
    for signed in report.sign_offs:
        if signed.delegation:
            yield models.Delegation(pk=signed.delegation.number).subject


def _names_of(pseudonyms: set[str]) -> dict[str, str]:
    """Return the names behind the log's `user/<id>`, which only our tables know."""
    ids = [
        int(number) for p in pseudonyms if (number := p.removeprefix("user/")).isdigit()
    ]
    return {
        f"user/{user.pk}": name_of(user) for user in User.objects.filter(pk__in=ids)
    }


def _log() -> LogState:
    head = proofs.log_head()
    return LogState(origin=head.origin, size=head.size, root=head.root)
