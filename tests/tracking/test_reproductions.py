"""A run that did another one again: how near it came, and who may say so."""

import math

import pytest
from django.test import Client

from audit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.services import system_account
from tests import factories
from tracking.models import Reproduction, Run
from tracking.models.reproduction import ReproductionLevel
from tracking.permissions import Role
from tracking.reproduction import Tolerances, level_of
from tracking.services.logging import Point, log_batch
from tracking.services.reproductions import declare_reproduction
from tracking.services.roles import grant_role
from tracking.services.workspaces import create_workspace
from tracking.statistics import is_close, prediction_interval

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
NAN, INF = math.nan, math.inf


@pytest.fixture
def made(workspace, cast):
    """Return a function that makes an ended run with metrics and params."""

    def make(name="original", *, params=(), tags=(), end=True, **metrics) -> Run:
        run = factories.run(workspace, cast.alice, name)
        log_batch(
            run,
            params=list(params),
            metrics=[Point(key, value, 1, 0) for key, value in metrics.items()],
            tags=list(tags),
            actor=cast.alice,
        )
        return factories.end(run, cast.alice) if end else run

    return make


def declare(run, original, actor, **tolerances) -> Reproduction:
    return declare_reproduction(run, original=original, actor=actor, **tolerances)


@pytest.mark.parametrize(
    ("here", "original", "level"),
    [
        ({"auc": 0.1 + 0.2}, {"auc": 0.1 + 0.2}, "bitwise"),
        ({"auc": 0.1 + 0.2}, {"auc": 0.3}, "tolerance"),
        ({"auc": NAN}, {"auc": NAN}, "bitwise"),
        ({"auc": INF}, {"auc": INF}, "bitwise"),
        ({"auc": INF}, {"auc": 1.0}, "none"),
        ({"auc": 1.0}, {"auc": INF}, "none"),
        ({"auc": NAN}, {"auc": 0.0}, "none"),
        ({"auc": 0.5}, {"auc": 0.6}, "none"),
        # The weakest metric decides.
        ({"auc": 0.5, "loss": 1.0}, {"auc": 0.5, "loss": 1.0 + 1e-9}, "tolerance"),
        ({"auc": 0.5, "loss": 1.0}, {"auc": 0.5, "loss": 2.0}, "none"),
        # Bitwise wants the same metrics; what is missing is not reproduced.
        ({"auc": 0.5, "more": 1.0}, {"auc": 0.5}, "tolerance"),
        ({"auc": 0.5}, {"auc": 0.5, "loss": 1.0}, "none"),
        ({}, {}, "none"),
        ({"auc": 0.5}, {}, "none"),
    ],
)
def test_level_is_the_strictest_that_holds_for_all_metrics(
    made, cast, here, original, level
):
    reproduction = declare(made("again", **here), made(**original), cast.alice)

    assert reproduction.level_reached == level


def test_sign_of_zero_is_a_bit():
    assert level_of(-0.0, 0.0, Tolerances()) == ReproductionLevel.TOLERANCE
    assert level_of(0.0, 0.0, Tolerances()) == ReproductionLevel.BITWISE


@pytest.mark.parametrize(
    ("here", "original", "relative", "absolute", "expected"),
    [
        (110.0, 100.0, 0.1, 0.0, True),
        (100.0, 111.0, 0.1, 0.0, True),
        (111.0, 100.0, 0.1, 0.0, False),
        (0.5, 0.0, 1.0, 0.0, False),
        (0.5, 0.0, 0.0, 0.5, True),
        (1.7e308, -1.7e308, 1.0, 1.7e308, False),
        (-INF, INF, 1.0, 1.0, False),
        (NAN, NAN, 0.0, 0.0, True),
    ],
)
def test_tolerance_is_measured_from_the_original(
    here, original, relative, absolute, expected
):
    close = is_close(here, original, relative=relative, absolute=absolute)

    assert close is expected


def test_prediction_interval_is_that_of_a_worked_example():
    # 2.776 is t(0.975; 4) of any table; mean 10, s = sqrt(2.5), n = 5.
    lower, upper = prediction_interval([8.0, 9.0, 10.0, 11.0, 12.0]) or (0, 0)

    reach = 2.776445 * math.sqrt(2.5) * math.sqrt(1 + 1 / 5)
    assert (lower, upper) == pytest.approx((10 - reach, 10 + reach), abs=1e-5)


@pytest.mark.parametrize(
    "sample", [[], [1.0], [1.0, NAN], [1.0, INF], [1.7e308, -1.7e308, 1.7e308]]
)
def test_sample_without_a_finite_interval_has_none(sample):
    assert prediction_interval(sample) is None


def again(original, cast, value):
    return factories.reproduction(original, cast.alice, auc=value).level_reached


def test_statistical_level_wants_three_earlier_reproductions_of_the_same_inputs(
    made, cast
):
    original = made(params=[("depth", "3"), ("seed", "1")], auc=0.80)
    # Another depth: it is compared, but says nothing of the original's spread.
    other = made("other", params=[("depth", "9"), ("seed", "1")], auc=0.2)
    declare(other, original, cast.alice)

    levels = [again(original, cast, value) for value in (0.81, 0.79, 0.805, 0.803)]
    outlier = again(original, cast, 0.90)
    seeds = made("s", params=[("depth", "3"), ("seed", "2")], auc=0.799)
    depth = made("d", params=[("depth", "4"), ("seed", "1")], auc=0.801)

    assert levels == ["none", "none", "none", "statistical"]
    assert outlier == "none"
    assert declare(seeds, original, cast.alice).level_reached == "statistical"
    assert declare(depth, original, cast.alice).level_reached == "none"


def test_comparison_names_what_differs(workspace, cast, made, log):
    original = made(params=[("a", "1"), ("b", "1")], end=False, auc=0.5)
    factories.use_dataset(original, cast.alice)
    factories.upload(original, "same.txt", b"same", cast.alice)
    factories.upload(original, "model.pkl", b"one", cast.alice)
    original = factories.end(original, cast.alice)
    run = made("again", params=[("a", "2"), ("c", "1")], end=False, auc=0.25)
    factories.upload(run, "same.txt", b"same", cast.alice)
    factories.upload(run, "model.pkl", b"two", cast.alice)
    run = factories.end(run, cast.alice)
    log()

    reproduction = declare(run, original, cast.alice, absolute_tolerance=0.25)

    assert reproduction.comparison == {
        "has_same_inputs": False,
        "params": {
            "same": 0,
            "differ": ["a"],
            "only_here": ["c"],
            "only_in_original": ["b"],
        },
        "datasets": {
            "same": 0,
            "differ": [],
            "only_here": [],
            "only_in_original": ["loans@abc123"],
        },
        "artifacts": {
            "same": 1,
            "differ": ["model.pkl"],
            "only_here": [],
            "only_in_original": [],
        },
        "metrics": {
            "auc": {
                "here": "0.25",
                "original": "0.5",
                "level": "tolerance",
                "interval": None,
                "sample": 1,
            }
        },
    }
    assert reproduction.tolerances == {"relative": 1e-5, "absolute": 0.25}
    assert log() == [
        (
            "tracking.run.reproduced",
            run.subject,
            {
                "original": original.subject,
                "level": "tolerance",
                "content": reproduction.content,
            },
        )
    ]


def test_same_find_is_kept_once_and_another_tolerance_is_another(made, cast):
    original, run = made(auc=0.5), made("again", auc=0.5)

    first = declare(run, original, cast.alice)
    assert declare(run, original, cast.alice) == first
    assert declare(run, original, cast.alice, relative_tolerance=0.0) != first
    assert Reproduction.objects.count() == 2


@pytest.mark.parametrize(
    "tolerances",
    [
        {"relative_tolerance": -1e-9},
        {"relative_tolerance": 1.1},
        {"relative_tolerance": NAN},
        {"absolute_tolerance": -1.0},
        {"absolute_tolerance": INF},
        {"absolute_tolerance": NAN},
    ],
)
def test_tolerance_that_is_none_is_refused(made, cast, tolerances):
    with pytest.raises(InvalidError) as refusal:
        declare(made("again"), made(), cast.alice, **tolerances)

    assert refusal.value.code == "tolerance_invalid"


@pytest.mark.parametrize("name", ["olivia", "bob", "carol", "ada", "mallory"])
def test_only_who_writes_the_run_declares(made, cast, name):
    with pytest.raises(PermissionDeniedError) as refusal:
        declare(made("again"), made(), getattr(cast, name))

    assert refusal.value.code == "may_not_log_run"


def test_run_that_has_not_ended_is_not_compared(made, cast):
    for run, original in (
        (made("again", end=False), made()),
        (made("again"), made(end=False)),
    ):
        with pytest.raises(ConflictError) as refusal:
            declare(run, original, cast.alice)
        assert refusal.value.code == "run_not_ended"


def test_run_does_not_reproduce_itself(made, cast):
    run = made()
    with pytest.raises(InvalidError) as refusal:
        declare(run, run, cast.alice)

    assert refusal.value.code == "reproduces_itself"


def in_other_workspace(cast):
    other = create_workspace("other", actor=system_account())
    for person, role in ((cast.alice, Role.DEVELOPER), (cast.bob, Role.VALIDATOR)):
        grant_role(person, role=role, workspace=other, actor=system_account())
    return factories.end(factories.run(other, cast.alice), cast.alice)


def test_run_of_another_workspace_is_not_there(made, cast, as_token):
    original, run = in_other_workspace(cast), made("again")

    with pytest.raises(NotFoundError):
        declare(run, original, cast.alice)
    answer = as_token(cast.alice).post(
        f"/api/v1/runs/{run.run_id}/reproductions/",
        {"original": original.run_id},
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "run_unknown")


def start(alice, experiment_id, original_id) -> str:
    """Start a run as the unmodified client does, with a claim among its tags."""
    status, answer = alice.post(
        "runs/create",
        experiment_id=str(experiment_id),
        tags=[{"key": "attestry.reproduces", "value": original_id}],
    )
    assert status == 200
    return str(answer["run"]["info"]["run_id"])


def finish(alice, run_id, status="FINISHED"):
    assert alice.post("runs/update", run_id=run_id, status=status)[0] == 200


def test_run_with_the_tag_is_compared_when_it_ends_and_again_if_it_changed(
    alice, made, cast
):
    original = made(auc=0.5)
    run_id = start(alice, original.experiment_id, original.run_id)
    alice.post("runs/log-metric", run_id=run_id, key="auc", value=0.5, timestamp=1)
    assert not Reproduction.objects.exists()

    finish(alice, run_id)
    finish(alice, run_id)
    alice.post("runs/update", run_id=run_id, run_name="another name")
    stored = Reproduction.objects.get()
    assert (stored.run.run_id, stored.original, stored.level_reached) == (
        run_id,
        original,
        "bitwise",
    )
    assert (stored.created_by, claim(alice, run_id)) == (cast.alice, None)

    alice.post("runs/log-metric", run_id=run_id, key="auc", value=0.7, timestamp=2)
    finish(alice, run_id)
    finish(alice, run_id)
    levels = Reproduction.objects.order_by("pk").values_list("level_reached", flat=True)
    assert list(levels) == ["bitwise", "none"]


def test_ending_twice_compares_once_though_others_did_it_again_meanwhile(
    alice, made, cast
):
    original = made(auc=0.5)
    run_id = start(alice, original.experiment_id, original.run_id)
    alice.post("runs/log-metric", run_id=run_id, key="auc", value=0.51, timestamp=1)
    finish(alice, run_id)
    for value in (0.52, 0.48, 0.49):
        factories.reproduction(original, cast.alice, auc=value)
    finish(alice, run_id)
    assert Reproduction.objects.filter(run__run_id=run_id).count() == 1

    run = Run.objects.get(run_id=run_id)
    assert declare(run, original, cast.alice).level_reached == "statistical"


def claim(alice, run_id):
    answer = alice.client.get(f"/api/v1/runs/{run_id}/completeness/").json()
    return answer["claim"]


def test_claim_that_cannot_be_followed_stops_nothing_and_is_told(alice, made, cast):
    running = made("running", end=False)
    elsewhere = in_other_workspace(cast).run_id
    sentence = "This run claims to reproduce the run {!r}, which {}"
    unknown = "is not known here: correct the tag attestry.reproduces."
    unended = "has not ended: end that one, then end this one again."
    for original, words in (
        ("0" * 32, unknown),
        (elsewhere, unknown),
        ("<script>" + "é" * 200, unknown),
        ("'; DROP TABLE", unknown),
        (running.run_id, unended),
    ):
        run_id = start(alice, running.experiment_id, original)
        finish(alice, run_id)
        assert alice.run(run_id)["info"]["status"] == "FINISHED"
        assert claim(alice, run_id) == sentence.format(original[:64], words)
    assert not Reproduction.objects.exists()


def test_run_that_claims_to_reproduce_itself_is_told(alice, made, cast):
    run = made("again", end=False)
    log_batch(run, tags=[("attestry.reproduces", run.run_id)], actor=cast.alice)
    finish(alice, run.run_id)

    assert str(claim(alice, run.run_id)).endswith(
        "which is itself: correct the tag attestry.reproduces."
    )
    assert not Reproduction.objects.exists()


def test_claim_waits_for_the_end_and_stands_on_the_page(alice, made, cast):
    original = made(auc=0.5)
    run_id = start(alice, original.experiment_id, original.run_id)
    bob = Client()
    bob.force_login(cast.bob)
    page = f"/admin/tracking/run/{Run.objects.get(run_id=run_id).pk}/change/"

    assert "which it was not compared with" in bob.get(page).content.decode()
    finish(alice, run_id, "KILLED")
    shown = bob.get(page).content.decode()
    assert "which it was not compared with" not in shown
    assert original.run_id in shown


def test_reproductions_travel_over_http(made, cast, as_token):
    original, run = made(auc=0.5), made("again", auc=0.5)
    alice, bob = as_token(cast.alice), as_token(cast.bob)
    path = "/api/v1/runs/{}/reproductions/"

    posted = alice.post(
        path.format(run.run_id),
        {"original": original.run_id, "absolute_tolerance": 0},
        content_type="application/json",
    )

    assert posted.status_code == 201
    answer = posted.json()
    assert (answer["run_id"], answer["original"]) == (run.run_id, original.run_id)
    assert (answer["level_reached"], answer["created_by"]) == ("bitwise", "alice")
    for of in (run, original):
        assert bob.get(path.format(of.run_id)).json()["results"] == [answer]
    assert as_token(cast.mallory).get(path.format(run.run_id)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"original": ["x"]},
        {"original": "x" * 33},
        {"original": "\x00"},
        {"original": "x", "relative_tolerance": "wide"},
        {"original": "x", "relative_tolerance": 10**400},
        {"original": "x", "tolerance": 0.1},
        [],
    ],
)
def test_declaration_of_wrong_form_is_refused(made, cast, as_token, body):
    path = f"/api/v1/runs/{made().run_id}/reproductions/"

    answer = as_token(cast.alice).post(path, body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "fields_invalid")


def test_list_costs_the_same_number_of_queries_however_long(
    made, cast, as_token, django_assert_num_queries
):
    original = made(auc=0.5)
    bob = as_token(cast.bob)
    path = f"/api/v1/runs/{original.run_id}/reproductions/"
    bob.get(path)  # content types are kept from here on
    for value in (0.5, 0.6, 0.7):
        factories.reproduction(original, cast.alice, auc=value)
        with django_assert_num_queries(7):
            assert bob.get(path).status_code == 200
