"""Five categories of completeness, each item by name; and trees that differ."""

import hashlib

import pytest
from django.test import Client

from tests import factories
from tracking.completeness import completeness
from tracking.evidence import Diff, is_seed, read_content
from tracking.models import MetadataTemplate
from tracking.models.metadata import FieldKind, FieldType
from tracking.services.artifacts import remove_artifacts
from tracking.services.logging import Point, log_batch
from tracking.services.metadata import define_field, set_template

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

GENERAL = [
    ("parameters", ["a param", "a seed"]),
    ("metrics", ["a metric"]),
    ("artifacts", ["a model"]),
    ("code", ["commit", "repository", "entry point", "clean tree, or its diff"]),
    ("environment", ["a lock file", "Python version"]),
]
WHOLE_TAGS = [
    ("mlflow.source.git.commit", "0" * 40),
    ("mlflow.source.git.repoURL", "https://example.org/credit.git"),
    ("mlflow.source.name", "train.py"),
    ("mlflow.source.git.dirty", "false"),
]


def held(run):
    template = MetadataTemplate.objects.newest_of(run.experiment)
    return completeness(read_content(run), template)


def missing(run):
    return [(part.category, list(part.missing)) for part in held(run).categories]


def test_empty_run_lacks_everything_by_name(run):
    assert missing(run) == GENERAL
    assert (held(run).score, held(run).is_dirty, held(run).is_diff_kept) == (
        0.0,
        None,
        False,
    )


def test_run_with_everything_is_complete(run, cast):
    log_batch(
        run,
        params=[("seed", "7")],
        metrics=[Point("auc", 0.9, 1, 0)],
        tags=WHOLE_TAGS,
        actor=cast.alice,
    )
    factories.upload(run, "model/model.onnx", b"model", cast.alice)
    factories.upload(run, "model/conda.yaml", b"name: x", cast.alice)

    assert held(run).missing == ()
    assert held(run).score == 1.0


def test_score_is_the_mean_of_the_categories(run, cast):
    log_batch(run, params=[("depth", "3")], tags=WHOLE_TAGS[:3], actor=cast.alice)

    scores = [part.score for part in held(run).categories]
    assert scores == [0.5, 0.0, 0.0, 0.75, 0.0]
    assert held(run).score == 0.25


def test_lock_file_of_a_logged_model_counts(run, cast):
    model = factories.logged_model(run, cast.alice)
    factories.upload(model, "python_env.yaml", b"python: 3.11.2", cast.alice)

    parts = {part.category: part for part in held(run).categories}
    assert parts["environment"].missing == ()
    assert parts["artifacts"].missing == ()


def test_removed_file_counts_no_more(run, cast):
    factories.upload(run, "uv.lock", b"lock", cast.alice)
    remove_artifacts(run, path="uv.lock", actor=cast.alice)

    assert "a lock file" in held(run).missing


def test_templates_items_stand_in_for_the_general_ones(workspace, run, cast):
    for kind, key, field_type in (
        (FieldKind.PARAM, "team", FieldType.TEXT),
        (FieldKind.PARAM, "note", FieldType.TEXT),
        (FieldKind.TAG, "owner", FieldType.TEXT),
        (FieldKind.METRIC, "auc", FieldType.NUMBER),
    ):
        define_field(
            workspace, kind=kind, key=key, field_type=field_type, actor=cast.paul
        )
    set_template(
        run.experiment,
        fields=[
            {"kind": "param", "key": "team", "required": True},
            {"kind": "param", "key": "note", "required": False},
            {"kind": "tag", "key": "owner", "required": True},
            {"kind": "metric", "key": "auc", "required": True},
        ],
        artifacts=["evaluation/*.parquet"],
        actor=cast.paul,
    )
    log_batch(run, params=[("team", "credit")], actor=cast.alice)

    assert missing(run)[:3] == [
        ("parameters", ["tag owner"]),
        ("metrics", ["metric auc"]),
        ("artifacts", ["a model", "file evaluation/*.parquet"]),
    ]


@pytest.mark.parametrize(
    ("tags", "is_dirty", "is_known"),
    [
        ([], None, False),
        ([("mlflow.source.git.dirty", "false")], False, True),
        ([("attestry.git.dirty", "FALSE")], False, True),
        ([("mlflow.source.git.dirty", "true")], True, False),
        ([("mlflow.source.git.dirty", "perhaps")], None, False),
        # What either of the two says to be dirty is dirty.
        (
            [("mlflow.source.git.dirty", "false"), ("attestry.git.dirty", "1")],
            True,
            False,
        ),
        (
            [("mlflow.source.git.dirty", "true"), ("mlflow.source.git.diff", "-a\n+b")],
            True,
            True,
        ),
        # As long as a tag may be, so what came after was cut away.
        (
            [
                ("mlflow.source.git.dirty", "true"),
                ("mlflow.source.git.diff", "x" * 8000),
            ],
            True,
            False,
        ),
    ],
)
def test_dirty_tree_is_flagged_and_complete_only_with_its_diff(
    run, cast, tags, is_dirty, is_known
):
    log_batch(run, tags=tags, actor=cast.alice)

    found = held(run)
    assert found.is_dirty is is_dirty
    assert ("clean tree, or its diff" not in found.missing) is is_known


def test_diff_is_kept_as_a_file_too_and_the_file_counts_before_the_tag(run, cast):
    log_batch(
        run,
        tags=[("attestry.git.dirty", "true"), ("attestry.git.diff", "short")],
        actor=cast.alice,
    )
    factories.upload(run, "attestry/git.diff", b"long", cast.alice)

    file = next(f for f in read_content(run).files if f.path == "attestry/git.diff")
    sha256 = hashlib.sha256(b"long").hexdigest()
    assert read_content(run).diff == Diff(sha256, None, file)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("seed", True),
        ("random_state", True),
        ("RANDOM_SEED", True),
        ("randomSeed", True),
        ("data_seed", True),
        ("model__random_state", True),
        ("split.seed", True),
        ("proceed", False),
        ("seeds", False),
        ("state", False),
        ("seed_path", False),
    ],
)
def test_seed_is_known_by_its_name(key, expected):
    assert is_seed(key) is expected


def test_seed_that_nobody_set_is_none(run, cast):
    log_batch(run, params=[("random_state", "None")], actor=cast.alice)

    assert read_content(run).seeds == {}


def test_answer_over_http_names_everything(run, cast, as_token):
    log_batch(run, params=[("seed", "1")], actor=cast.alice)

    answer = as_token(cast.bob).get(f"/api/v1/runs/{run.run_id}/completeness/").json()

    assert answer.pop("categories")[0] == {
        "category": "parameters",
        "score": 1.0,
        "present": ["a param", "a seed"],
        "missing": [],
    }
    assert answer == {
        "run_id": run.run_id,
        "template": 0,
        "score": 0.2,
        "is_dirty": None,
        "is_diff_kept": False,
        "violations": [],
        "claim": None,
    }


def test_completeness_costs_the_same_number_of_queries_however_much_is_there(
    run, cast, as_token, django_assert_num_queries
):
    bob = as_token(cast.bob)
    path = f"/api/v1/runs/{run.run_id}/completeness/"
    bob.get(path)  # content types are kept from here on
    for _ in range(2):
        factories.everything_logged(run, cast.alice)
        factories.logged_model(run, cast.alice)
        with django_assert_num_queries(13):
            bob.get(path)


def test_admin_page_of_a_run_says_what_it_lacks(workspace, run, cast):
    define_field(
        workspace,
        kind=FieldKind.TAG,
        key="owner",
        field_type=FieldType.TEXT,
        actor=cast.paul,
    )
    set_template(
        run.experiment,
        fields=[{"kind": "tag", "key": "owner", "required": True}],
        artifacts=["<script>*"],
        blocks_registration=True,
        actor=cast.paul,
    )
    log_batch(run, tags=[("attestry.git.dirty", "true")], actor=cast.alice)
    bob = Client()
    bob.force_login(cast.bob)

    shown = bob.get(f"/admin/tracking/run/{run.pk}/change/").content.decode()
    asked = bob.get(f"/admin/tracking/experiment/{run.experiment_id}/change/")

    assert "The tag &#x27;owner&#x27; is missing: log it." in shown
    assert "&lt;script&gt;*" in shown
    assert "<script>*" not in shown
    assert "differs from its commit" in shown
    assert "no version is registered" in asked.content.decode()
