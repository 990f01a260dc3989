"""A dictionary of fields, templates of experiments, and what runs lack of them."""

import pytest

from audit.errors import InvalidError, PermissionDeniedError
from audit.services import system_account
from audit.tlog.canonical import digest
from tests import factories
from tracking.metadata_rules import value_of, violations
from tracking.models import FieldDefinition, MetadataTemplate
from tracking.models.metadata import FieldKind, FieldType
from tracking.permissions import Role
from tracking.services.logging import Point, log_batch
from tracking.services.metadata import define_field, set_template
from tracking.services.roles import grant_role
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
JSON = "application/json"
PARAM, TAG, METRIC = FieldKind.PARAM, FieldKind.TAG, FieldKind.METRIC


@pytest.fixture
def define(workspace, cast):
    """Return a function by which Paul, a policy author, defines a field."""

    def act(kind, key, field_type, **limits):
        return define_field(
            workspace,
            kind=kind,
            key=key,
            field_type=field_type,
            actor=cast.paul,
            **limits,
        )

    return act


@pytest.fixture
def ask(run, cast):
    """Return a function by which Paul sets the template of the run's experiment."""

    def act(*fields, actor=cast.paul, **rest):
        named = [
            {"kind": kind, "key": key, "required": required}
            for kind, key, required in fields
        ]
        return set_template(run.experiment, fields=named, actor=actor, **rest)

    return act


def found(run):
    return [(v.code, v.kind, v.key) for v in violations(run)]


def test_definition_and_template_are_entries_and_count_up(define, ask, run, log, cast):
    define(PARAM, "depth", FieldType.INTEGER, minimum=1.0)
    define(PARAM, "depth", FieldType.INTEGER, minimum=2.0, description="Of the trees.")
    ask((PARAM, "depth", True), artifacts=["*.onnx"], blocks_registration=True)
    ask()

    content = {
        "kind": "param",
        "key": "depth",
        "type": "integer",
        "allowed_values": None,
        "minimum": 2.0,
        "maximum": None,
        "description": "Of the trees.",
    }
    asked = {
        "fields": [{"kind": "param", "key": "depth", "required": True}],
        "artifacts": ["*.onnx"],
        "blocks_registration": True,
    }
    nothing = {"fields": [], "artifacts": [], "blocks_registration": False}
    assert log()[1:] == [
        (
            "tracking.field.defined",
            "workspace/default",
            {"field": "param depth", "number": 2, "content": digest(content)},
        ),
        (
            "tracking.template.set",
            run.experiment.subject,
            {"number": 1, "blocks_registration": True, "content": digest(asked)},
        ),
        (
            "tracking.template.set",
            run.experiment.subject,
            {"number": 2, "blocks_registration": False, "content": digest(nothing)},
        ),
    ]
    assert FieldDefinition.objects.count() == 2
    assert FieldDefinition.objects.in_force().get().minimum == 2.0


def test_run_is_held_against_the_newest_template_and_definitions(
    define, ask, run, cast
):
    define(PARAM, "team", FieldType.TEXT, allowed_values=["credit", "Übersee"])
    define(PARAM, "depth", FieldType.INTEGER, minimum=2, maximum=8)
    define(TAG, "approved", FieldType.BOOLEAN)
    define(TAG, "due", FieldType.DATE)
    define(METRIC, "auc", FieldType.NUMBER, minimum=0.0, maximum=1.0)
    define(METRIC, "epochs", FieldType.INTEGER)
    ask(
        (PARAM, "team", True),
        (PARAM, "depth", True),
        (TAG, "approved", True),
        (TAG, "due", False),
        (METRIC, "auc", True),
        (METRIC, "epochs", True),
        artifacts=["model/*", "*.parquet"],
    )
    factories.upload(run, "model/deep/model.onnx", b"model", cast.alice)
    log_batch(
        run,
        params=[("team", "Übersee"), ("depth", "9")],
        tags=[("due", "2026-02-30")],
        metrics=[Point("auc", float("nan"), 1, 0), Point("epochs", 3.0, 1, 0)],
        actor=cast.alice,
    )

    assert found(run) == [
        ("out_of_range", "param", "depth"),
        ("missing", "tag", "approved"),
        ("wrong_type", "tag", "due"),
        ("wrong_type", "metric", "auc"),
        ("missing", "artifact", "*.parquet"),
    ]
    assert [v.sentence for v in violations(run)] == [
        "The param 'depth' lies outside its bounds: log a new run.",
        "The tag 'approved' is missing: log it.",
        "The tag 'due' must be a date such as 2026-11-24 and is not: set the tag anew.",
        "The metric 'auc' must be a finite number and is not: log a new run.",
        "No file matches '*.parquet': upload it to the run.",
    ]

    define(PARAM, "depth", FieldType.INTEGER, maximum=9)
    define(PARAM, "team", FieldType.TEXT, allowed_values=["credit"])
    assert found(run)[0] == ("not_allowed", "param", "team")
    ask()
    assert found(run) == []


@pytest.mark.parametrize(
    ("field_type", "good", "bad"),
    [
        (FieldType.TEXT, ["", "1", "naïve"], []),
        (
            FieldType.INTEGER,
            ["0", "-3", "+7", "9" * 300],
            ["", "1.0", "1_000", "\u0661", " 1", "1\n", "9" * 301, "0x10"],
        ),
        (
            FieldType.NUMBER,
            ["0", "-.5", "1e-3", "2.", "1E+3"],
            ["", "nan", "inf", "1e999", "1,5", "1_0.0", "\u0663.\u0665", "."],
        ),
        (FieldType.BOOLEAN, ["true", "True", "false", "False"], ["1", "yes", "TRUE"]),
        (
            FieldType.DATE,
            ["2026-11-24", "2024-02-29"],
            [
                "2026-02-29",
                "20261124",
                "2026-W01-1",
                "24.11.2026",
                "\u0662\u0660\u0662\u0666-11-24",
            ],
        ),
    ],
)
def test_value_is_of_a_type_as_every_language_reads_it(field_type, good, bad):
    assert [text for text in good if value_of(text, field_type) is None] == []
    assert [text for text in bad if value_of(text, field_type) is not None] == []


def test_allowed_numbers_are_compared_by_value_and_not_as_text(define, ask, run, cast):
    define(PARAM, "rate", FieldType.NUMBER, allowed_values=[0.1, 1])
    define(PARAM, "flag", FieldType.BOOLEAN, allowed_values=[True])
    ask((PARAM, "rate", True), (PARAM, "flag", True))
    log_batch(run, params=[("rate", "1e-1"), ("flag", "True")], actor=cast.alice)

    assert found(run) == []


@pytest.mark.parametrize(
    ("kind", "field_type", "limits"),
    [
        (PARAM, FieldType.NUMBER, {"minimum": 2.0, "maximum": 1.0}),
        (PARAM, FieldType.NUMBER, {"minimum": float("nan")}),
        (PARAM, FieldType.NUMBER, {"maximum": float("inf")}),
        (PARAM, FieldType.TEXT, {"minimum": 1.0}),
        (PARAM, FieldType.DATE, {"maximum": 1.0}),
        (PARAM, FieldType.INTEGER, {"allowed_values": []}),
        (PARAM, FieldType.INTEGER, {"allowed_values": [1, "2"]}),
        (PARAM, FieldType.INTEGER, {"allowed_values": [True]}),
        (PARAM, FieldType.INTEGER, {"allowed_values": [1.0]}),
        (PARAM, FieldType.NUMBER, {"allowed_values": [float("nan")]}),
        (PARAM, FieldType.NUMBER, {"allowed_values": [0.5], "minimum": 1.0}),
        (PARAM, FieldType.TEXT, {"allowed_values": [None]}),
        (PARAM, FieldType.TEXT, {"allowed_values": [["a"]]}),
        (PARAM, FieldType.TEXT, {"allowed_values": ["a\x00"]}),
        (PARAM, FieldType.TEXT, {"allowed_values": ["\ud800"]}),
        (PARAM, FieldType.TEXT, {"allowed_values": ["x" * 1001]}),
        (PARAM, FieldType.TEXT, {"allowed_values": ["a"] * 1001}),
        (PARAM, FieldType.DATE, {"allowed_values": ["yesterday"]}),
        (PARAM, FieldType.BOOLEAN, {"allowed_values": ["true"]}),
        (METRIC, FieldType.TEXT, {}),
        (METRIC, FieldType.BOOLEAN, {}),
    ],
)
def test_definition_that_no_value_can_meet_is_refused(define, kind, field_type, limits):
    with pytest.raises(InvalidError) as refusal:
        define(kind, "key", field_type, **limits)

    assert refusal.value.code == "definition_contradictory"
    assert not FieldDefinition.objects.exists()


@pytest.mark.parametrize("key", ["", "a\x00b", "line\nbreak", "\ud800", "k" * 251])
def test_key_that_nobody_could_log_is_refused(define, key):
    with pytest.raises(InvalidError) as refusal:
        define(PARAM, key, FieldType.TEXT)

    assert refusal.value.code == "field_key_invalid"


@pytest.mark.parametrize("name", ["alice", "bot", "olivia", "carol", "ada", "mallory"])
def test_only_keepers_of_policies_define_fields_and_set_templates(
    workspace, ask, cast, name
):
    actor = getattr(cast, name)
    with pytest.raises(PermissionDeniedError) as definition:
        define_field(
            workspace,
            kind=PARAM,
            key="k",
            field_type=FieldType.TEXT,
            actor=actor,
        )
    with pytest.raises(PermissionDeniedError) as template:
        ask(actor=actor)

    assert definition.value.code == "may_not_define_field"
    assert template.value.code == "may_not_set_template"


def test_who_logs_runs_does_not_loosen_what_blocks_them_by_a_second_role(
    workspace, define, ask, cast
):
    define(PARAM, "team", FieldType.TEXT)
    ask((PARAM, "team", True), blocks_registration=True)
    grant_role(
        cast.alice,
        role=Role.POLICY_AUTHOR,
        workspace=workspace,
        actor=system_account(),
    )

    with pytest.raises(PermissionDeniedError):
        ask(actor=cast.alice)
    with pytest.raises(PermissionDeniedError):
        define_field(
            workspace,
            kind=PARAM,
            key="team",
            field_type=FieldType.TEXT,
            actor=cast.alice,
        )


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({"fields": [(PARAM, "unknown", True)]}, "field_undefined"),
        ({"fields": [(TAG, "team", True)]}, "field_undefined"),
        ({"fields": [(PARAM, "team", True)] * 2}, "template_names_twice"),
        ({"artifacts": ["a", "a"]}, "template_names_twice"),
        ({"artifacts": [""]}, "pattern_invalid"),
        ({"artifacts": ["a\x00"]}, "pattern_invalid"),
        ({"artifacts": ["p" * 251]}, "pattern_invalid"),
        ({"artifacts": [str(n) for n in range(101)]}, "template_too_large"),
        (
            {"fields": [(PARAM, str(n), True) for n in range(10_000)]},
            "template_too_large",
        ),
        ({"blocks_registration": True}, "template_empty"),
    ],
)
def test_template_that_makes_no_sense_is_refused(define, ask, template, code):
    define(PARAM, "team", FieldType.TEXT)
    fields = template.pop("fields", [])

    with pytest.raises(InvalidError) as refusal:
        ask(*fields, **template)

    assert refusal.value.code == code
    assert not MetadataTemplate.objects.exists()


def test_definition_of_another_workspace_is_none_here(ask, cast):
    other = create_workspace("other", actor=system_account())
    grant_role(
        cast.paul, role=Role.POLICY_AUTHOR, workspace=other, actor=system_account()
    )
    define_field(other, kind=PARAM, key="k", field_type=FieldType.TEXT, actor=cast.paul)

    with pytest.raises(InvalidError):
        ask((PARAM, "k", True))


def test_pattern_of_many_stars_is_matched_in_no_time(define, ask, run, cast):
    factories.upload(run, "a" * 900, b"x", cast.alice)
    ask(artifacts=["*a" * 120 + "b", "[", "[z-a]*"])

    assert [key for _, _, key in found(run)] == ["*a" * 120 + "b", "[", "[z-a]*"]


def api(client, method, path, body=None):
    answer = getattr(client, method)(f"/api/v1/{path}", body, content_type=JSON)
    return answer.status_code, answer.json()


def test_dictionary_and_template_travel_over_http(run, cast, as_token):
    paul, alice = as_token(cast.paul), as_token(cast.alice)
    path = f"experiments/{run.experiment_id}/metadata-template/"
    before = api(alice, "get", path)[1]
    field = {"kind": "param", "key": "team", "type": "text", "allowed_values": ["a"]}
    defined = api(paul, "post", "metadata-fields/", field)
    asked = {
        "fields": [{"kind": "param", "key": "team"}],
        "artifacts": ["*.onnx"],
        "blocks_registration": True,
    }
    status, template = api(paul, "post", path, asked)

    assert before == {
        "number": 0,
        "fields": [],
        "artifacts": [],
        "blocks_registration": False,
        "created_at": None,
    }
    assert defined[0] == status == 201
    listed = api(alice, "get", "metadata-fields/")[1]
    assert listed["results"] == [defined[1]]
    assert defined[1] | {"created_at": ""} == {
        **field,
        "number": 1,
        "minimum": None,
        "maximum": None,
        "description": "",
        "created_at": "",
    }
    assert template["fields"] == [{"kind": "param", "key": "team", "required": True}]
    assert api(alice, "get", path)[1] == template


@pytest.mark.parametrize(
    "field",
    [
        {},
        {"kind": "param", "key": "k"},
        {"kind": "artifact", "key": "k", "type": "text"},
        {"kind": "param", "key": "k", "type": "complex"},
        {"kind": "param", "key": ["k"], "type": "text"},
        {"kind": "param", "key": "k", "type": "text", "allowed_values": "a"},
        {"kind": "param", "key": "k", "type": "number", "minimum": "low"},
        {"kind": "param", "key": "k", "type": "number", "minimum": 10**400},
        {"kind": "param", "key": "k\x00", "type": "text"},
        {"kind": "param", "key": "\ud800", "type": "text"},
        {"kind": "param", "key": "k", "type": "text", "alowed_values": ["a"]},
        {"kind": "param", "key": "k", "type": "text", "description": "d\x00"},
        ["kind"],
        None,
    ],
)
def test_definition_of_wrong_form_is_refused(cast, as_token, field):
    status, answer = api(as_token(cast.paul), "post", "metadata-fields/", field)

    assert (status, answer["code"]) == (400, "fields_invalid")


@pytest.mark.parametrize(
    "template",
    [
        {"fields": "team"},
        {"fields": [1]},
        {"fields": [{"kind": "param"}]},
        {"fields": [{"kind": "param", "key": "k", "required": "perhaps"}]},
        {"fields": [{"kind": "param", "key": "k", "requird": True}]},
        {"artifacts": [{"path": "a"}]},
        {"blocks_registraton": True},
        {"fields": [{"kind": "param", "key": str(n)} for n in range(10_000)]},
    ],
)
def test_template_of_wrong_form_is_refused(run, cast, as_token, template):
    path = f"experiments/{run.experiment_id}/metadata-template/"

    status, answer = api(as_token(cast.paul), "post", path, template)

    assert (status, answer["code"]) == (400, "fields_invalid")


def test_refusal_over_http_has_its_code(run, cast, as_token):
    path = f"experiments/{run.experiment_id}/metadata-template/"

    status, answer = api(as_token(cast.alice), "post", path, {})

    assert (status, answer["code"]) == (403, "may_not_set_template")


def test_what_is_in_another_workspace_is_not_found(run, cast, as_token):
    create_workspace("other", actor=system_account())
    template = f"experiments/{run.experiment_id}/metadata-template/"
    paths = (template, f"runs/{run.run_id}/completeness/")

    for path in paths:
        assert api(as_token(cast.mallory), "get", path)[0] == 404
        other = as_token(cast.ada).get(f"/w/other/api/v1/{path}")
        assert other.status_code == 404
    assert as_token(cast.bob).get("/w/other/api/v1/metadata-fields/").status_code == 404
    assert api(as_token(cast.mallory), "post", template, {})[0] == 404


def test_dictionary_costs_the_same_number_of_queries_however_long(
    define, cast, as_token, django_assert_num_queries
):
    bob = as_token(cast.bob)
    bob.get("/api/v1/metadata-fields/")  # content types are kept from here on
    for number in range(30):
        define(PARAM, f"key {number}", FieldType.TEXT)
        if number in {0, 29}:
            with django_assert_num_queries(6):
                assert bob.get("/api/v1/metadata-fields/").status_code == 200
