"""The story, chapter by chapter; it ends early where the server answers otherwise."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.authenticator import code
from demo.client import Attestry, ProblemError
from demo.flights import prepare, read_tables
from demo.progress import doing
from demo.training import MODEL_PATH, LoggedRun, log_all

MODEL = "flight-delay"
ENVIRONMENT = "production"

_POLL_SECONDS = 0.25
# Each attempt is kept and printed in the report.
_LATENCY_ATTEMPTS = 3
_PATIENCE_SECONDS = 180
_POLICY = Path(__file__).with_name("policy.yaml")
_MEANINGS = {
    "validator": "I reviewed data, metrics and gates and find the version fit for use.",
    "owner": "I accept this version and its remaining risk for my business.",
}


class DiffersError(Exception):
    """Something came out otherwise than told; the message says what."""


@dataclass(frozen=True)
class Cast:
    """Who takes part, by role, and where the server is."""

    url: str
    accounts: dict[str, dict[str, str]]

    @classmethod
    def read(cls, url: str, credentials: Path) -> "Cast":
        return cls(url, json.loads(credentials.read_text(encoding="utf-8"))["accounts"])

    def username(self, role: str) -> str:
        return self.accounts[role]["username"]

    def program(self, role: str) -> Attestry:
        return Attestry.by_token(self.url, self.accounts[role]["token"])

    def sign(self, role: str, request: int, *, signing_as: str) -> dict[str, Any]:
        """Log in as a person does, and sign with the password entered once more."""
        account = self.accounts[role]
        session = Attestry.by_login(self.url, account["username"], account["password"])
        read = session.get(f"promotion-requests/{request}/")
        signed: dict[str, Any] = session.post(
            f"promotion-requests/{request}/sign-offs/",
            subject_digest=read["subject_digest"],
            role=signing_as,
            meaning=_MEANINGS[signing_as],
            reason="Every gate passes on the data that the policy names.",
            password=account["password"],
        )
        return signed

    def classify(self, model: str, *, tier: int) -> dict[str, Any]:
        """Sign a tier for risk; of a model that nobody has classified by two factors."""
        account = self.accounts["risk"]
        session = Attestry.by_login(self.url, account["username"], account["password"])
        app = session.post("second-factor/", password=account["password"])["secret"]
        session.post("second-factor/confirmation/", code=code(app))
        signed: dict[str, Any] = session.post(
            "tier-assessments/",
            registered_model=model,
            tier=tier,
            exposure="Connections and crews are planned by its scores.",
            rationale="A wrong score costs time and money, and harms nobody.",
            password=account["password"],
            code=code(app, steps_ahead=1),
        )
        return signed


def tell(url: str, credentials: Path, report: Path) -> None:
    """Tell all chapters; raise `DiffersError` or `ProblemError` where one fails."""
    cast = Cast.read(url, credentials)
    runs = train_and_track(cast)
    register_model_and_policy(cast)
    versions = register_versions(cast, runs)
    promote_first_champion(cast, versions["baseline"])
    replace_champion(cast, versions["weather"])
    block(cast, versions["overconfident"], champion=versions["weather"])
    fetch_report(cast, versions["weather"], report)


def train_and_track(cast: Cast) -> list[LoggedRun]:
    _chapter(1, "Train and track")
    os.environ["MLFLOW_TRACKING_URI"] = cast.url
    os.environ["MLFLOW_TRACKING_TOKEN"] = cast.accounts["developer"]["token"]
    with doing("reading 336,776 flights and their weather"):
        windows = prepare(*read_tables())
    for name, rows in windows.by_name().items():
        print(f"  {name}: {len(rows):,} flights, {rows['label'].mean():.1%} late")
    print(
        f"  left out: {windows.cancelled:,} cancelled and {windows.diverted:,} diverted"
        f" flights; {windows.december:,} in December"
    )
    runs = log_all(windows)
    for run in runs:
        numbers = ", ".join(
            f"{name.removeprefix('test_')} {run.metrics[name]:.4f}"
            for name in ("test_auc", "test_ece", "test_log_loss")
        )
        print(f"  {run.name}: run {run.run_id}, {numbers}")
    return runs


def register_model_and_policy(cast: Cast) -> None:
    _chapter(2, "Register the model, its versions, and what they must show")
    cast.program("developer").post(
        "registered-models/",
        name=MODEL,
        purpose="Tells whether a flight from New York will arrive 15 minutes late.",
        owner=cast.username("owner"),
    )
    tier = cast.classify(MODEL, tier=3)
    print(f"  {MODEL} is of tier {tier['tier']}, signed by {tier['printed_name']}")
    draft = cast.program("policy_author").post(
        "policies/", document=_POLICY.read_text(encoding="utf-8")
    )
    cast.program("risk").post(f"policies/{draft['id']}/publication/")
    print(
        f"  policy {draft['name']} v{draft['version']} drafted by"
        f" {cast.username('policy_author')}, published by {cast.username('risk')}"
    )


def register_versions(cast: Cast, runs: list[LoggedRun]) -> dict[str, int]:
    """Register one version a run; return its number by the run's name."""
    developer = cast.program("developer")
    numbers: dict[str, int] = {}
    for run in runs:
        version = developer.post(
            "model-versions/",
            registered_model=MODEL,
            run_id=run.run_id,
            artifact_path=MODEL_PATH,
            artifact_sha256=run.model_sha256,
        )
        numbers[run.name] = version["version"]
        print(
            f"  {MODEL} v{version['version']} from {run.name},"
            f" sha256 {version['artifact_sha256'][:16]}…"
        )
    return numbers


def promote_first_champion(cast: Cast, version: int) -> None:
    _chapter(3, f"v{version} becomes the first champion")
    request = _evaluated(cast, version)
    _expect(request["state"], "in_review", f"the state of v{version} after its gates")
    _expect_refusal(
        "the developer tries to approve their own version",
        lambda: cast.sign("developer", request["id"], signing_as="validator"),
        status=403,
    )
    _sign_and_promote(cast, request["id"], version)


def replace_champion(cast: Cast, version: int) -> None:
    _chapter(4, f"v{version} is measured against the champion and replaces it")
    former = _champion(cast)
    request = _evaluated(cast, version)
    _expect(request["state"], "in_review", f"the state of v{version} after its gates")
    _expect(
        request["champion_version"],
        former,
        f"the champion v{version} was compared with",
    )
    _sign_and_promote(cast, request["id"], version)


def block(cast: Cast, version: int, *, champion: int) -> None:
    _chapter(5, f"v{version} is blocked and stays blocked")
    request = _evaluated(cast, version)
    _expect(request["state"], "blocked", f"the state of v{version} after its gates")
    outcomes = {gate["gate"]: gate["outcome"] for gate in request["gates"]}
    _expect(outcomes["ece"], "fail", f"the calibration gate of v{version}")
    _expect_refusal(
        "the release engineer tries to promote it all the same",
        lambda: cast.program("release").post(
            f"promotion-requests/{request['id']}/promotion/"
        ),
        status=409,
    )
    _expect(
        _request(cast, request["id"])["state"], "blocked", f"the state of v{version}"
    )
    _expect(_champion(cast), champion, "the champion")


def fetch_report(cast: Cast, version: int, report: Path) -> None:
    _chapter(6, f"The lineage report of v{version}")
    auditor = cast.program("auditor")
    order = auditor.post("reports/", registered_model=MODEL, version=version)
    with doing("waiting for the report"):
        _poll(
            lambda: auditor.get(f"reports/{order['id']}/"),
            until=lambda answer: answer["state"] == "done",
        )
    document = auditor.download(f"reports/{order['id']}/document/")
    _expect(document[:5], b"%PDF-", "the first bytes of the report")
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_bytes(document)
    print(f"  {report}: {len(document):,} bytes")


def _evaluated(cast: Cast, version: int) -> dict[str, Any]:
    """Ask for promotion, wait for every gate, and print what each one says."""
    opened = cast.program("developer").post(
        "promotion-requests/",
        registered_model=MODEL,
        version=version,
        environment=ENVIRONMENT,
    )
    request = _judged(cast, opened["id"])
    while _only_latency_failed(request) and request["attempt"] < _LATENCY_ATTEMPTS:
        print("  this machine was too busy to be timed: the developer asks once more")
        cast.program("developer").post(
            f"promotion-requests/{opened['id']}/evaluations/"
        )
        request = _judged(cast, opened["id"])
    return request


def _judged(cast: Cast, pk: int) -> dict[str, Any]:
    with doing(f"request {pk}: the gates are running"):
        request = _poll(
            lambda: _request(cast, pk),
            until=lambda answer: answer["state"] != "evaluating",
        )
    for gate in request["gates"]:
        print(f"  {gate['outcome'].upper()} {gate['gate']}: {gate['sentence']}")
    return request


def _only_latency_failed(request: dict[str, Any]) -> bool:
    """Say whether all that stands in the way was measured with a stop-watch."""
    passing = {"pass", "not_applicable"}
    failed = [g["gate"] for g in request["gates"] if g["outcome"] not in passing]
    return failed == ["latency"]


def _sign_and_promote(cast: Cast, request: int, version: int) -> None:
    for role in ("validator", "owner"):
        signed = cast.sign(role, request, signing_as=role)
        print(
            f"  signed by {signed['printed_name']} as {role} at {signed['signed_at']}:"
            f' "{signed["meaning"]}"'
        )
    cast.program("release").post(f"promotion-requests/{request}/promotion/")
    _expect(_request(cast, request)["state"], "promoted", f"the state of v{version}")
    _expect(_champion(cast), version, "the champion")
    print(f"  v{version} promoted by {cast.username('release')}: it is the champion")


def _request(cast: Cast, request: int) -> dict[str, Any]:
    answer: dict[str, Any] = cast.program("developer").get(
        f"promotion-requests/{request}/"
    )
    return answer


def _champion(cast: Cast) -> int | None:
    slots = cast.program("release").get("slots/", registered_model=MODEL)["results"]
    for slot in slots:
        if slot["environment"] == ENVIRONMENT:
            champion: int | None = slot["champion_version"]
            return champion
    return None


def _poll(
    ask: Callable[[], dict[str, Any]], *, until: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not until(answer := ask()):
        if time.monotonic() > deadline:
            raise DiffersError(f"Nothing came after {_PATIENCE_SECONDS} s: {answer}")
        time.sleep(_POLL_SECONDS)
    return answer


def _expect(found: object, told: object, what: str) -> None:
    if found != told:
        raise DiffersError(f"Told: {what} is {told!r}. Found: {found!r}.")


def _expect_refusal(what: str, attempt: Callable[[], object], *, status: int) -> None:
    try:
        attempt()
    except ProblemError as refusal:
        _expect(refusal.status, status, f"the HTTP status when {what}")
        print(f"  {what}.\n  Refused: {refusal.detail}")
        return
    raise DiffersError(f"Told: {what} and is refused. Found: it was allowed.")


def _chapter(number: int, title: str) -> None:
    print(f"\n{number}. {title}", flush=True)
