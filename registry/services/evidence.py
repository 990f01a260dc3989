"""Evidence is looked up, checked and pinned by digest here; gates read what is pinned."""

from functools import partial
from typing import Any

from audit.errors import ConflictError
from audit.tlog.canonical import canonical_bytes, digest
from registry.evidence import Evidence, FileName, StoredFile, VersionEvidence, pair
from registry.models import EvidenceSnapshot, ModelVersion, PromotionRequest
from registry.policy_document import PolicyDocument, read_policy_document
from registry.services.slot_history import compared_with
from registry.services.version_content import pinned_content
from tracking import storage
from tracking.lineage import data_of_lineage
from tracking.services.artifacts import current_artifact
from tracking.services.sealing import content_digest

CHAMPION_WITH_CONTENT = (
    "champion__registered_model",
    "champion__source_run",
    "champion__logged_model",
    "champion__artifact",
)


def evidence_of(
    version: ModelVersion, champion: ModelVersion | None, policy: PolicyDocument
) -> Evidence:
    """Return the evidence of a version and the champion at the paths of the policy."""
    return Evidence(
        candidate=_files_of(version, policy),
        champion=_files_of(champion, policy) if champion else None,
    )


def _files_of(version: ModelVersion, policy: PolicyDocument) -> VersionEvidence:
    files = {}
    if model := pinned_content(version).model_file:
        files[FileName.MODEL] = _stored(model.path, model.sha256)
    for name, path in policy.evidence.items():
        artifact = current_artifact(version.linked_run, path)
        files[name] = _stored(path, artifact.sha256)
    return VersionEvidence(label=str(version), files=files)


def _stored(path: str, sha256: str) -> StoredFile:
    return StoredFile(path, sha256, partial(storage.read_verified, sha256))


def check(evidence: Evidence) -> None:
    """Read what the gates will read; the first fault refuses the request."""
    files = evidence.candidate.files
    if FileName.MODEL in files:
        storage.verify(files[FileName.MODEL].sha256)
    if FileName.MODEL_INPUTS in files:
        _ = evidence.candidate.model_inputs
    if FileName.PREDICTIONS in files:
        predictions = evidence.candidate.predictions
        if evidence.champion:
            pair(predictions, evidence.champion.predictions)


def pinned_evidence(request: PromotionRequest, *, attempt: int) -> Evidence:
    """Return the evidence of an attempt, and only what its snapshot pinned."""
    snapshot = request.snapshots.select_related(*CHAMPION_WITH_CONTENT).get(
        attempt=attempt
    )
    policy = read_policy_document(request.policy.document)
    evidence = evidence_of(request.model_version, snapshot.champion, policy)
    champion = snapshot.content["champion"]
    same = evidence.candidate.digests(FileName) == snapshot.content["candidate"] and (
        evidence.champion is None
        or evidence.champion.digests(FileName) == champion["files"]
    )
    if not same:
        raise ConflictError(
            "evidence_changed",
            "The files of the run are not those that this attempt pinned. Have the log "
            "verified before anything else.",
        )
    return evidence


def take_snapshot(
    request: PromotionRequest, evidence: Evidence, champion: ModelVersion | None
) -> EvidenceSnapshot:
    """Pin the evidence of the current attempt, in the caller's transaction."""
    content = _snapshot_content(request, evidence, champion)
    return EvidenceSnapshot.objects.create(
        request=request,
        attempt=request.attempt,
        champion=champion,
        document=canonical_bytes(content).decode(),
        digest=digest(content),
    )


def refuse_changed_evidence(request: PromotionRequest) -> None:
    """Refuse when champion or run are no longer what the attempt's snapshot pinned."""
    snapshot = request.snapshots.get(attempt=request.attempt)
    champion = compared_with(request.model_version, request.environment)
    if snapshot.champion_id != (champion.pk if champion else None):
        raise ConflictError(
            "champion_changed",
            f"{champion} took the slot after this request was evaluated. Ask for a new "
            f"evaluation, which compares with it.",
        )
    refuse_changed_run(request)


def refuse_changed_cards(request: PromotionRequest) -> None:
    """Refuse when data are described anew: who signed before knew something else."""
    pinned = request.snapshots.get(attempt=request.attempt).content.get("cards")
    cards = _newest_cards(request.model_version)
    if pinned is None or pinned == cards:  # None: from before cards were pinned
        return
    changed = [card for card in cards if card not in pinned] or pinned
    name, _, number = changed[0]
    raise ConflictError(
        "data_described_anew",
        f"What is said of its data is not what was evaluated: look at card {number} of the "
        f"dataset {name!r}, and ask for a new evaluation, so that everybody signs on that.",
        dataset=name,
    )


def refuse_changed_run(request: PromotionRequest) -> None:
    """Refuse when run or content are no longer what the attempt's snapshot pinned."""
    snapshot = request.snapshots.get(attempt=request.attempt)
    pinned_content(request.model_version)
    run = request.model_version.linked_run
    if snapshot.content["source_run"]["content"] != content_digest(run):
        raise ConflictError(
            "source_run_changed",
            f"The content of run {run.run_id} is not what was evaluated. Have the log "
            f"verified before anything else.",
        )


def _snapshot_content(
    request: PromotionRequest, evidence: Evidence, champion: ModelVersion | None
) -> dict[str, Any]:
    version = request.model_version
    run = version.linked_run
    return {
        "version": version.subject,
        "artifact": f"sha256:{version.linked_sha256}",
        "source_run": {"run_id": run.run_id, "content": content_digest(run)},
        "datasets": sorted(
            (use.dataset.name, use.dataset.digest, use.context)
            for use in run.dataset_inputs.select_related("dataset")
        ),
        "cards": _newest_cards(version),
        "candidate": evidence.candidate.digests(FileName),
        "champion": {
            "version": champion.subject,
            "files": evidence.champion.digests(FileName),
        }
        if champion and evidence.champion
        else None,
    }


def _newest_cards(version: ModelVersion) -> list[list[Any]]:
    """Return name, digest and number of the newest card of the data in the lineage."""
    described = (
        (dataset, dataset.cards.all())
        for dataset in data_of_lineage(version.linked_run)
    )
    return sorted(
        [dataset.name, dataset.digest, max(card.number for card in cards)]
        for dataset, cards in described
        if cards
    )
