"""Datasets over the native API: registered, described by cards, and found."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_datetime
from guardian.shortcuts import assign_perm

from audit.errors import InvalidError
from audit.models import PrivateField
from audit.services import system_account
from tests import factories
from tracking.models import Dataset, DatasetCard, DatasetLabeller
from tracking.models.dataset import Sensitivity
from tracking.permissions import Role
from tracking.services.datasets import describe_dataset
from tracking.services.workspaces import create_workspace

JSON = "application/json"
DATASETS = "/api/v1/datasets/"

REGISTERED = {
    "name": "loans",
    "digest": "abc123",
    "source_type": "local",
    "source": '{"uri": "loans.csv"}',
}
STATED = {
    "rows": 10,
    "window_start": "2025-01-01",
    "window_end": "2025-12-31",
    "labels": "Defaults within a year.",
    "labellers": ["olivia", "bob"],
    "licence": "CC-BY-4.0",
    "sensitivity": ["minors", "pii"],
    "known_gaps": "No loans below 500.",
}


def answer(response):
    return response.status_code, response.json()


def problem(response):
    return response.status_code, response.json()["code"]


def post(client, path, body):
    return client.post(path, body, content_type=JSON)


@pytest.fixture
def alice(as_token, cast):
    return as_token(cast.alice)


@pytest.fixture
def loans(workspace, cast):
    return factories.dataset(workspace, cast.alice)


@pytest.fixture
def cards(loans):
    """The path of the cards of a dataset."""
    return f"{DATASETS}{loans.pk}/cards/"


# Registering


def test_dataset_is_registered_without_a_run_with_one_entry(alice, log):
    response = post(alice, DATASETS, REGISTERED)

    dataset = Dataset.objects.get()
    created_at = response.json()["created_at"]
    assert parse_datetime(created_at) == dataset.created_at
    assert answer(response) == (
        201,
        {
            "id": dataset.pk,
            "name": "loans",
            "digest": "abc123",
            "source_type": "local",
            "origin": None,
            "version": None,
            "created_at": created_at,
            "card": None,
            "profiled_rows": None,
            "source": '{"uri": "loans.csv"}',
            "schema": "",
            "profile": "",
        },
    )
    ((kind, subject, payload),) = log()[-1:]
    assert payload.pop("content").startswith("sha256:")
    assert (kind, subject, payload) == (
        "tracking.dataset.registered",
        f"dataset/default/{dataset.pk}",
        {"name": "loans", "digest": "abc123"},
    )


def test_registered_dataset_is_the_one_that_a_run_names_later(workspace, cast, loans):
    used = factories.use_dataset(factories.run(workspace, cast.alice), cast.alice)

    assert used == loans


def test_dataset_is_registered_once(alice, loans):
    response = post(alice, DATASETS, REGISTERED)

    assert problem(response) == (409, "dataset_exists")
    assert response.json()["id"] == loans.pk


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "n" * 501}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": ["loans"]}, "name"),
        ({"digest": ""}, "digest"),
        ({"digest": "d" * 37}, "digest"),
        ({"digest": {}}, "digest"),
        ({"source": "s" * 65_536}, "source"),
        ({"source_type": None}, "source_type"),
        ({"schema": 7.5, "profile": ["x"]}, "profile"),
    ],
)
def test_what_is_no_dataset_is_not_registered(alice, change, field):
    response = post(alice, DATASETS, REGISTERED | change)

    assert problem(response) == (400, "fields_invalid")
    assert list(response.json()["fields"]) == [field]
    assert not Dataset.objects.exists()


@pytest.mark.parametrize("body", [b"[]", b"{", b"null", b'"loans"', b"\xff"])
def test_body_that_is_no_object_is_refused(alice, body):
    response = alice.post(DATASETS, body, content_type=JSON)

    assert response.status_code == 400
    assert not Dataset.objects.exists()


def test_name_is_kept_to_the_letter(alice):
    name = " Kredite 2025, 日本 🙂\u202e "

    response = post(alice, DATASETS, REGISTERED | {"name": name})

    assert (response.status_code, Dataset.objects.get().name) == (201, name)


# Describing


def test_card_states_what_is_known_with_one_entry(alice, cast, loans, cards, log):
    response = post(alice, cards, STATED)

    card = DatasetCard.objects.get()
    assert answer(response) == (
        201,
        STATED
        | {
            "number": 1,
            "labellers": ["bob", "olivia"],
            "sensitivity": ["pii", "minors"],
            "created_by": "alice",
            "created_at": response.json()["created_at"],
        },
    )
    assert log()[-1:] == [
        (
            "tracking.dataset.described",
            f"dataset/default/{loans.pk}",
            {
                "number": 1,
                "rows": 10,
                "window": ["2025-01-01", "2025-12-31"],
                "licence": "CC-BY-4.0",
                "sensitivity": ["pii", "minors"],
                "labellers": sorted(f"user/{u.pk}" for u in (cast.bob, cast.olivia)),
            },
        )
    ]
    private = PrivateField.objects.order_by("-event_id")[:2]
    assert {field.field: field.value for field in private} == {
        "labels": "Defaults within a year.",
        "known_gaps": "No loans below 500.",
    }
    assert set(card.labellers.values_list("user", flat=True)) == {
        cast.bob.pk,
        cast.olivia.pk,
    }


def test_card_of_which_nothing_is_stated_says_so(alice, cards):
    status, card = answer(post(alice, cards, {}))

    del card["created_at"]
    assert (status, card) == (
        201,
        {
            "number": 1,
            "rows": None,
            "window_start": None,
            "window_end": None,
            "labels": "",
            "labellers": [],
            "licence": "",
            "sensitivity": None,
            "known_gaps": "",
            "created_by": "alice",
        },
    )


def test_newest_card_counts_and_earlier_ones_stay(alice, loans, cards):
    post(alice, cards, STATED)
    post(alice, cards, {"rows": 11, "sensitivity": ["pii", "minors", "phi"]})

    listed = alice.get(cards).json()["results"]
    shown = alice.get(f"{DATASETS}{loans.pk}/").json()

    assert [(card["number"], card["rows"]) for card in listed] == [(2, 11), (1, 10)]
    assert shown["card"] == listed[0]
    assert shown["card"]["sensitivity"] == ["pii", "phi", "minors"]
    assert shown["card"]["licence"] == ""


def test_none_is_not_the_same_as_not_stated(alice, cards):
    post(alice, cards, {})
    post(alice, cards, {"sensitivity": []})

    stated = [card["sensitivity"] for card in alice.get(cards).json()["results"]]

    assert stated == [[], None]


@pytest.mark.parametrize("earlier", [[], ["phi"]])
def test_sensitivity_is_not_lost_by_leaving_it_out(alice, cards, earlier):
    post(alice, cards, {"sensitivity": earlier})

    assert problem(post(alice, cards, {"rows": 5})) == (400, "sensitivity_left_out")
    assert DatasetCard.objects.count() == 1


@pytest.mark.parametrize("left", [[], ["pii"], ["confidential", "pii"]])
def test_developer_takes_no_label_of_sensitive_data_back(alice, cards, left):
    post(alice, cards, STATED)

    refused = post(alice, cards, STATED | {"sensitivity": left})

    assert problem(refused) == (403, "may_not_lift_sensitivity")
    assert DatasetCard.objects.get().sensitivity == ["pii", "minors"]
    more = {"sensitivity": ["confidential", "minors", "pii"]}
    assert post(alice, cards, STATED | more).status_code == 201


def test_steward_who_logs_in_one_experiment_takes_no_label_back(
    alice, cards, cast, as_token, workspace
):
    post(alice, cards, STATED)
    # As a developer of one experiment only.
    assign_perm("log_run", cast.stella, factories.experiment(workspace, cast.alice))

    refused = post(as_token(cast.stella), cards, STATED | {"sensitivity": []})

    assert problem(refused) == (403, "may_not_lift_sensitivity")
    assert DatasetCard.objects.get().sensitivity == ["pii", "minors"]


@pytest.mark.parametrize("name", ["stella", "eve"])
def test_who_keeps_sensitive_data_takes_labels_back(alice, cards, cast, as_token, name):
    post(alice, cards, STATED)

    written = post(as_token(getattr(cast, name)), cards, {"sensitivity": []})

    assert (written.status_code, written.json()["sensitivity"]) == (201, [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rows": -1}, "fields_invalid"),
        ({"rows": 2**63}, "fields_invalid"),
        ({"rows": "many"}, "fields_invalid"),
        ({"rows": 1.5}, "fields_invalid"),
        ({"window_start": "yesterday"}, "fields_invalid"),
        ({"window_start": "2025-02-30"}, "fields_invalid"),
        ({"window_start": "2026-01-01"}, "window_backwards"),
        ({"labels": "x" * 10_001}, "fields_invalid"),
        ({"labels": "\0"}, "fields_invalid"),
        ({"labellers": "olivia"}, "fields_invalid"),
        ({"labellers": ["nobody"]}, "labeller_unknown"),
        ({"labellers": [{"username": "olivia"}]}, "fields_invalid"),
        ({"labellers": ["olivia"] * 101}, "fields_invalid"),
        ({"licence": "<script>"}, "fields_invalid"),
        ({"licence": "MIT\nGPL"}, "fields_invalid"),
        ({"sensitivity": ["secret"]}, "fields_invalid"),
        ({"sensitivity": "pii"}, "fields_invalid"),
        ({"sensitivity": {"pii": True}}, "fields_invalid"),
        ({"sensitivity": [["pii"]]}, "fields_invalid"),
        ({"known_gaps": None}, "fields_invalid"),
    ],
)
def test_what_no_card_can_state_is_refused(alice, cards, change, code):
    assert problem(post(alice, cards, STATED | change)) == (400, code)
    assert not DatasetCard.objects.exists()


def test_service_refuses_a_sensitivity_that_is_none(loans, cast):
    with pytest.raises(InvalidError) as refusal:
        describe_dataset(loans, sensitivity=["pii", "secret"], actor=cast.alice)

    assert refusal.value.code == "sensitivity_unknown"


def test_labeller_who_is_named_twice_counts_once(alice, cards):
    response = post(alice, cards, {"labellers": ["olivia", "olivia"]})

    assert response.json()["labellers"] == ["olivia"]
    assert DatasetLabeller.objects.count() == 1


def test_database_refuses_a_window_that_ends_before_it_starts(loans, cast):
    card = factories.card(loans, cast.alice)
    card.pk, card.number = None, 2
    card.window_start, card.window_end = card.window_end, card.window_start

    with pytest.raises(IntegrityError, match="window_starts_before_it_ends"):
        card.save()


def test_database_refuses_a_number_twice(loans, cast):
    card = factories.card(loans, cast.alice)
    card.pk = None

    with pytest.raises(IntegrityError), transaction.atomic():
        card.save()


# Who may


@pytest.mark.parametrize(
    "name", ["olivia", "bob", "rita", "paul", "carol", "rex", "ada"]
)
def test_who_logs_no_runs_describes_no_datasets(as_token, cast, cards, loans, name):
    client = as_token(getattr(cast, name))

    described = post(client, cards, STATED)
    registered = post(client, DATASETS, REGISTERED | {"digest": "other"})

    assert problem(described) == (403, "may_not_describe_dataset")
    assert problem(registered) == (403, "may_not_describe_dataset")
    assert client.get(cards).status_code == 200
    assert not DatasetCard.objects.exists()
    assert list(Dataset.objects.all()) == [loans]


def test_program_registers_and_describes(as_token, cast, cards):
    bot = as_token(cast.bot)

    assert post(bot, DATASETS, REGISTERED | {"digest": "2"}).status_code == 201
    assert post(bot, cards, STATED).status_code == 201


def test_stranger_sees_no_workspace(as_token, cast, cards, loans):
    mallory = as_token(cast.mallory)

    for path in (DATASETS, f"{DATASETS}{loans.pk}/", cards):
        assert problem(mallory.get(path)) == (404, "workspace_unknown")
    assert problem(post(mallory, cards, STATED)) == (404, "workspace_unknown")


def test_without_a_token_nobody_gets_in(client, cards):
    assert client.get(cards).status_code == 401


def test_dataset_of_another_workspace_is_not_found_below_this_one(
    as_token, cast, loans
):
    other = create_workspace("other", actor=system_account())
    nina = as_token(factories.person("nina", other, Role.DEVELOPER))

    for path in ("", "cards/", "lineage/", "dependants/"):
        below_other = f"/w/other{DATASETS}{loans.pk}/{path}"
        assert problem(nina.get(below_other)) == (404, "dataset_unknown")
        assert problem(nina.get(f"{DATASETS}{loans.pk}/{path}")) == (
            404,
            "workspace_unknown",
        )
    described = post(nina, f"/w/other{DATASETS}{loans.pk}/cards/", STATED)
    assert problem(described) == (404, "dataset_unknown")
    assert nina.get(f"/w/other{DATASETS}").json()["results"] == []


@pytest.mark.parametrize("pk", ["4711", "99999999999999999999999999"])
def test_unknown_dataset_is_not_found(alice, pk):
    for path in ("", "cards/", "lineage/", "dependants/"):
        assert problem(alice.get(f"{DATASETS}{pk}/{path}")) == (404, "dataset_unknown")


# Finding


def names(response):
    assert response.status_code == 200
    return [dataset["name"] for dataset in response.json()["results"]]


def test_datasets_are_found_by_name_digest_and_newest_sensitivity(
    workspace, cast, alice
):
    cards: dict[str, list[list[str] | None]] = {
        "plain": [[]],
        "people": [["pii", "special_category"]],
        "cleaned": [["pii"], []],
        "looked": [None],
        "fresh": [],
    }
    for name, stated in cards.items():
        dataset = factories.dataset(workspace, cast.alice, name)
        for sensitivity in stated:
            factories.card(dataset, cast.stella, sensitivity=sensitivity)

    def found(**query):
        return names(alice.get(DATASETS, query))

    assert found() == ["fresh", "looked", "cleaned", "people", "plain"]
    assert found(name="plain") == ["plain"]
    assert found(digest=factories.digest_of_data("plain")) == ["plain"]
    assert found(digest="ABC123") == []
    assert found(sensitivity="pii") == ["people"]
    assert found(sensitivity="special_category") == ["people"]
    assert found(sensitivity="phi") == []
    assert found(sensitivity="none") == ["cleaned", "plain"]
    assert found(sensitivity="not_stated") == ["fresh", "looked"]


@pytest.mark.parametrize(
    "query",
    [
        {"sensitivity": "secret"},
        {"sensitivity": '%"'},
        {"digest": "d" * 37},
    ],
)
def test_filter_that_can_find_nothing_is_refused(alice, query):
    assert problem(alice.get(DATASETS, query)) == (400, "fields_invalid")


def test_lists_cost_the_same_number_of_queries_however_long(
    workspace, cast, as_token, django_assert_num_queries
):
    carol = as_token(cast.carol)
    made = [
        factories.dataset(workspace, cast.alice, name)
        for name in ("one", "two", "three")
    ]
    for dataset in [*made, *made]:
        factories.card(dataset, cast.alice)
    carol.get(DATASETS)

    with django_assert_num_queries(9):
        assert len(names(carol.get(DATASETS))) == 3
    with django_assert_num_queries(12):
        assert carol.get(f"{DATASETS}{made[0].pk}/cards/").json()["count"] == 2


def test_page_has_at_most_two_hundred_rows(alice, loans):
    answered = alice.get(DATASETS, {"limit": 10**9}).json()

    assert answered["next"] is None
    assert names(alice.get(DATASETS, {"offset": 10**30})) == []


# Origin and version


@pytest.mark.parametrize(
    ("source_type", "source", "origin", "version"),
    [
        (
            "delta_table",
            """{"delta_table_name": "main.risk.loans", "delta_table_version": 42,
            "is_databricks_uc_table": true, "delta_table_id": "0a1b"}""",
            "main.risk.loans",
            "42",
        ),
        ("delta_table", '{"path": "s3://lake/loans"}', "s3://lake/loans", None),
        ("dvc", '{"path": "data/loans.csv", "md5": "aa"}', "data/loans.csv", "aa"),
        ("local", '{"path": "loans.csv", "md5": "aa"}', None, None),
        ("delta_table", "loans", None, None),
        ("delta_table", "[1]", None, None),
        ("delta_table", '{"path": ["x"], "delta_table_version": {}}', None, None),
        ("delta_table", '{"path": true, "delta_table_version": false}', None, None),
        ("dvc", "", None, None),
        ("dvc", "[" * 60_000, None, None),
    ],
)
def test_origin_and_version_are_read_from_the_source(
    source_type, source, origin, version
):
    dataset = Dataset(source_type=source_type, source=source)

    assert (dataset.origin, dataset.version) == (origin, version)


def test_delta_table_of_the_mlflow_client_is_recognised():
    pytest.importorskip("mlflow.data.delta_dataset_source")
    from mlflow.data.delta_dataset_source import DeltaDatasetSource  # noqa: PLC0415 - above

    source = DeltaDatasetSource(path="s3://lake/loans", delta_table_version=7)
    dataset = Dataset(source_type=source._get_source_type(), source=source.to_json())

    assert (dataset.origin, dataset.version) == ("s3://lake/loans", "7")


# Workspaces that are there already


def fresh(user: User) -> User:
    """Return somebody whose permissions nobody has asked for yet."""
    return User.objects.get(pk=user.pk)


def test_labels_are_a_closed_set():
    assert Sensitivity.values == [
        "pii",
        "phi",
        "special_category",
        "minors",
        "confidential",
    ]
