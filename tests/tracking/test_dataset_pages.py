"""Datasets in the browser: their cards and lineage are read, and a card is written."""

from datetime import date

import pytest

from audit.proofs import trail
from tests import factories
from tests.tracking.test_access_pages import browser
from tests.tracking.test_admin import text
from tracking.models import Dataset, DatasetCard

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
DATASETS = "/admin/tracking/dataset/"


@pytest.fixture
def loans(workspace, cast) -> Dataset:
    return factories.dataset(workspace, cast.alice)


def page(dataset: Dataset, act: str = "change") -> str:
    return f"{DATASETS}{dataset.pk}/{act}/"


def describe(user, dataset: Dataset, **fields):
    given = {
        "rows": "120000",
        "window_start": "2025-01-01",
        "window_end": "2025-12-31",
        "labels": "From the ledger.",
        "labellers": "olivia, bob",
        "licence": "CC-BY-4.0",
        "looked": "labels",
        "sensitivity": ["pii", "minors"],
        "known_gaps": "No loans below 500.",
        "replaces": dataset.cards.count(),
    }
    return browser(user).post(page(dataset, "acts/describe"), given | fields)


def test_steward_writes_a_card_and_the_page_shows_it(loans, cast):
    stella = browser(cast.stella)
    shown = text(stella.get(page(loans)))
    assert "nobody has written one" in shown
    assert "Describe …" in shown

    answer = describe(cast.stella, loans)

    assert (answer.status_code, answer["Location"]) == (302, page(loans))
    card = loans.cards.get()
    assert (card.rows, card.window_start, card.window_end, card.sensitivity) == (
        120_000,
        date(2025, 1, 1),
        date(2025, 12, 31),
        ["pii", "minors"],
    )
    shown = text(stella.get(page(loans)))
    for words in (
        "120,000",
        "2025-01-01 to 2025-12-31",
        "From the ledger.",
        "bob olivia",
        "CC-BY-4.0",
        "pii, minors",
        "No loans below 500.",
        "Stella Example",
    ):
        assert words in shown
    assert trail([loans.subject])[-1].kind == "tracking.dataset.described"


def test_form_begins_with_what_the_newest_card_states(loans, cast):
    factories.card(loans, cast.alice)

    form = browser(cast.stella).get(page(loans, "acts/describe")).context["form"]

    begun = {
        name: form.get_initial_for_field(form.fields[name], name)
        for name in form.fields
    }
    assert begun == {
        "rows": 10,
        "window_start": date(2025, 1, 1),
        "window_end": date(2025, 12, 31),
        "labels": "Defaults within a year, from the ledger.",
        "labellers": "olivia",
        "licence": "CC-BY-4.0",
        "looked": "labels",
        "sensitivity": ["pii"],
        "known_gaps": "No loans below 500.",
        "replaces": 1,
    }


@pytest.mark.parametrize(
    ("looked", "labels", "stated"),
    [
        ("not_stated", [], None),
        ("none", [], []),
        ("labels", ["phi"], ["phi"]),
    ],
)
def test_that_nobody_looked_is_not_that_no_label_applies(
    loans, cast, looked, labels, stated
):
    describe(cast.stella, loans, looked=looked, sensitivity=labels)

    assert loans.cards.get().sensitivity == stated


@pytest.mark.parametrize(
    ("fields", "beside", "sentence"),
    [
        ({"looked": "none"}, "looked", "Labels are ticked below"),
        ({"sensitivity": []}, "sensitivity", "Tick those that apply"),
        ({"labellers": "nobody"}, "labellers", "There is no account 'nobody'"),
        ({"window_end": "2024-12-31"}, "__all__", "swap the two days"),
        ({"licence": "<b>"}, "licence", "Enter a valid value"),
        ({"rows": "-1"}, "rows", "greater than or equal to 0"),
        ({"labellers": "a " * 101}, "labellers", "Name at most 100."),
    ],
)
def test_refusal_is_said_beside_what_it_is_about(loans, cast, fields, beside, sentence):
    answer = describe(cast.stella, loans, **fields)

    assert answer.status_code == 200
    [told] = answer.context["form"].errors[beside]
    assert sentence in told
    assert "Nothing was done." in text(answer)
    assert not DatasetCard.objects.exists()


def test_label_is_taken_back_by_the_steward_and_not_by_a_developer(loans, cast):
    factories.card(loans, cast.alice)

    refused = describe(cast.alice, loans, looked="none", sensitivity=[])
    assert "You may not take pii back" in text(refused)
    left_out = describe(cast.stella, loans, looked="not_stated", sensitivity=[])
    assert "this one would take that back" in text(left_out)
    describe(cast.stella, loans, looked="none", sensitivity=[])

    shown = text(browser(cast.carol).get(page(loans)))
    assert "no label applies" in shown
    assert [card.number for card in loans.cards.order_by("number")] == [1, 2]


def test_describing_is_offered_to_those_who_may_and_refused_to_all_others(loans, cast):
    offered = {
        name: "Describe …" in text(browser(getattr(cast, name)).get(page(loans)))
        for name in ("alice", "eve", "stella", "bob", "carol", "ada")
    }
    assert [name for name, is_offered in offered.items() if is_offered] == [
        "alice",
        "eve",
        "stella",
    ]

    refused = describe(cast.bob, loans)

    assert "You may not register or describe datasets in default" in text(refused)
    assert not DatasetCard.objects.exists()
    assert trail([loans.subject])[-1].kind == "tracking.dataset.refused"


def test_page_leads_both_ways_along_the_lineage(workspace, cast):
    run = factories.run(workspace, cast.alice, "prepare")
    raw = factories.use_dataset(run, cast.alice, name="raw", content_digest="1")
    made = factories.use_dataset(
        run, cast.alice, name="clean", content_digest="2", context="output"
    )
    carol = browser(cast.carol)

    of_raw, of_made = text(carol.get(page(raw))), text(carol.get(page(made)))

    assert f'href="{page(made)}">clean@2</a>' in of_raw
    assert f'href="{page(raw)}">raw@1</a>' in of_made
    for shown in (of_raw, of_made):
        assert f"/admin/tracking/run/{run.pk}/change/" in shown


def test_runs_that_one_does_not_see_are_not_in_the_lineage(workspace, cast):
    run = factories.run(workspace, cast.alice, "secret-run")
    used = factories.use_dataset(run, cast.alice, name="raw", content_digest="1")

    shown = text(browser(cast.oscar).get(page(used)))

    assert "raw" in shown
    assert "secret-run" not in shown
    assert run.run_id not in shown


def test_dataset_of_another_workspace_is_as_if_it_were_not_there(loans, cast):
    mallory = browser(cast.mallory)
    assert mallory.get(DATASETS).context["cl"].result_count == 0
    for act in ("change", "history", "acts/describe"):
        assert mallory.get(page(loans, act)).status_code == 404
    assert describe(cast.mallory, loans).status_code == 404
    assert not DatasetCard.objects.exists()


def test_markup_in_what_a_client_sent_is_printed_as_text(workspace, cast):
    markup = "<script>alert(1)</script>"
    run = factories.run(workspace, cast.alice)
    dataset = factories.use_dataset(run, cast.alice, name=markup, content_digest="1")
    describe(cast.stella, dataset, labels=markup, known_gaps=markup)

    for path in (DATASETS, page(dataset), page(dataset, "acts/describe")):
        shown = browser(cast.bob).get(path).text
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)" in shown


def test_list_costs_the_same_number_of_queries_however_long(
    workspace, cast, django_assert_num_queries
):
    run = factories.run(workspace, cast.alice)
    for name in ("one", "two", "three"):
        factories.card(factories.use_dataset(run, cast.alice, name=name), cast.alice)
    bob = browser(cast.bob)
    bob.get(DATASETS)  # content types are kept from here on

    with django_assert_num_queries(14):
        assert bob.get(DATASETS).status_code == 200


def test_card_that_somebody_else_replaced_meanwhile_is_not_lost_under_this_one(
    loans, cast
):
    begun = browser(cast.stella).get(page(loans, "acts/describe"))
    assert 'type="hidden" name="replaces" value="0"' in begun.text
    factories.card(loans, cast.alice, known_gaps="Of Alice.")

    late = describe(cast.stella, loans, replaces=0)

    assert "Card 1 is the newest and this one was written against card 0" in text(late)
    assert loans.cards.get().known_gaps == "Of Alice."
    assert describe(cast.stella, loans).status_code == 302
