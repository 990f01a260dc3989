"""Tickets: numbers beside a request, which decide nothing."""

import json

import pytest
from django.db import transaction
from django.test import Client

from audit.errors import ConflictError, InvalidError
from audit.models import Event
from registry.models import TicketLink, TicketSubject
from registry.models.finding import Severity
from registry.services.tickets import (
    MOST_TICKETS,
    link_finding,
    link_request,
    link_ticket,
)
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
TEMPLATE = "https://tickets.example.org/browse/{ticket}"


@pytest.fixture
def asked(workspace, cast):
    factories.policy(workspace, cast)
    return factories.request(factories.version(workspace, cast), cast)


def post(client: Client, path: str, **body):
    return client.post(f"/api/v1/{path}", body, content_type="application/json")


def refusal(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_ticket_is_linked_with_its_address_and_an_entry(asked, cast, as_token):
    path = f"promotion-requests/{asked.pk}/tickets/"
    alice = as_token(cast.alice)
    before = post(alice, path, ticket="RISK-41")
    post(as_token(cast.ada), "ticket-template/", url_template=TEMPLATE)

    linked = post(alice, path, ticket="OPS/RISK#42")

    assert before.json()["url"] is None
    assert linked.status_code == 201
    listed = as_token(cast.carol).get(f"/api/v1/{path}").json()
    assert [(item["ticket"], item["url"]) for item in listed] == [
        ("RISK-41", "https://tickets.example.org/browse/RISK-41"),
        ("OPS/RISK#42", "https://tickets.example.org/browse/OPS%2FRISK%2342"),
    ]
    entry = json.loads(
        bytes(Event.objects.filter(subject=asked.subject).latest("id").body)
    )
    assert (entry["kind"], entry["subject"], entry["payload"]) == (
        "registry.ticket.linked",
        asked.subject,
        {"ticket": "OPS/RISK#42"},
    )


def test_ticket_changes_nothing_of_what_is_signed(workspace, cast):
    factories.policy(workspace, cast)
    reviewed = factories.evaluated(factories.version(workspace, cast), cast)
    link_request(reviewed, ticket="RISK-42", actor=cast.bob)

    assert factories.fresh(reviewed).subject_digest == reviewed.subject_digest


def test_newest_template_counts_and_the_former_stays(asked, cast, as_token):
    ada = as_token(cast.ada)
    unset = ada.get("/api/v1/ticket-template/").json()
    post(ada, "ticket-template/", url_template="https://old.example/{ticket}")
    post(ada, "ticket-template/", url_template=TEMPLATE)

    newest = ada.get("/api/v1/ticket-template/").json()

    assert (unset["number"], unset["url_template"]) == (0, "")
    assert (newest["number"], newest["url_template"]) == (2, TEMPLATE)


def test_request_page_links_the_ticket(asked, cast, as_token):
    post(as_token(cast.ada), "ticket-template/", url_template=TEMPLATE)
    link_request(asked, ticket="RISK-42", actor=cast.alice)
    bob = Client()
    bob.force_login(cast.bob)

    page = bob.get(f"/admin/registry/promotionrequest/{asked.pk}/change/")

    assert '<a href="https://tickets.example.org/browse/RISK-42"' in (
        page.content.decode()
    )


def test_finding_page_links_its_tickets(workspace, cast, as_token):
    finding = factories.finding(factories.model(workspace, cast), cast, Severity.LOW)
    link_finding(finding, ticket="OPS-7", actor=cast.alice)
    link_finding(finding, ticket="OPS-8", actor=cast.alice)
    bob = Client()
    bob.force_login(cast.bob)
    path = f"/admin/registry/finding/{finding.pk}/change/"

    assert "OPS-7, OPS-8" in bob.get(path).content.decode()
    post(as_token(cast.ada), "ticket-template/", url_template=TEMPLATE)
    page = bob.get(path).content.decode()

    for ticket in ("OPS-7", "OPS-8"):
        place = f"https://tickets.example.org/browse/{ticket}"
        assert f'<a href="{place}" rel="noreferrer">{ticket}</a>' in page


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alice", 201),
        ("olivia", 201),
        ("bob", 201),
        ("rita", 201),
        ("rex", 201),
        ("bot", 201),
        ("eve", 201),
        ("stella", 403),
        ("carol", 403),
        ("paul", 403),
        ("ada", 403),
        ("mallory", 404),
    ],
)
def test_whoever_asks_signs_or_promotes_links_tickets(
    asked, cast, as_token, name, expected
):
    client = as_token(getattr(cast, name))

    answer = post(client, f"promotion-requests/{asked.pk}/tickets/", ticket="RISK-42")

    assert answer.status_code == expected


@pytest.mark.parametrize(
    "ticket",
    [
        "",
        " ",
        "RISK 42",
        "-1",
        "RISK-42\n",
        "a" * 101,
        "<b>",
        "R\u00ccSK-42",
        "{ticket}",
        None,
    ],
)
def test_what_is_no_ticket_is_refused(asked, cast, as_token, ticket):
    path = f"promotion-requests/{asked.pk}/tickets/"
    answer = post(as_token(cast.alice), path, ticket=ticket)

    assert answer.status_code == 400
    assert not TicketLink.objects.exists()


def test_ticket_is_linked_once(asked, cast, as_token):
    path = f"promotion-requests/{asked.pk}/tickets/"
    alice = as_token(cast.alice)
    post(alice, path, ticket="RISK-42")

    assert refusal(post(alice, path, ticket="RISK-42")) == (409, "ticket_linked")


def test_request_has_so_many_tickets_and_no_more(asked, cast):
    for number in range(MOST_TICKETS):
        link_request(asked, ticket=f"RISK-{number}", actor=cast.alice)
    with pytest.raises(ConflictError) as refused:
        link_request(asked, ticket="RISK-99", actor=cast.alice)
    assert refused.value.code == "too_many_tickets"


@pytest.mark.parametrize(
    "template",
    [
        "https://tickets.example.org/",
        "https://tickets.example.org/{ticket}/{ticket}",
        "javascript:alert('{ticket}')",
        "//tickets.example.org/{ticket}",
        "https://tickets.example.org/{ticket} x",
        "https://tickets.example.org/{ticket}\n",
        "https://" + "a" * 490 + "/{ticket}",
    ],
)
def test_what_is_no_template_is_refused(cast, as_token, template):
    answer = post(as_token(cast.ada), "ticket-template/", url_template=template)

    assert answer.status_code == 400


def test_nobody_but_an_administrator_sets_the_template(cast, as_token):
    for user in (cast.alice, cast.olivia, cast.carol, cast.bot):
        answer = post(as_token(user), "ticket-template/", url_template=TEMPLATE)
        assert refusal(answer) == (403, "may_not_connect_systems")


def test_finding_can_be_linked_as_well(workspace, cast):
    with transaction.atomic():
        link = link_ticket(
            TicketSubject.FINDING,
            7,
            workspace=workspace,
            ticket="RISK-42",
            actor=cast.alice,
        )
    assert link.subject == "finding/7"
    with pytest.raises(InvalidError):
        link_ticket(
            TicketSubject.FINDING, 7, workspace=workspace, ticket="", actor=cast.alice
        )


def test_ticket_of_a_finding_is_linked_by_who_opens_or_mends_findings(
    workspace, cast, as_token
):
    finding = factories.finding(factories.model(workspace, cast), cast, Severity.LOW)
    path = f"findings/{finding.pk}/tickets/"

    for name, ticket in (("alice", "OPS-7"), ("carol", "OPS-8")):
        linked = post(as_token(getattr(cast, name)), path, ticket=ticket)
        assert linked.status_code == 201
    refused = post(as_token(cast.paul), path, ticket="OPS-9")

    assert refusal(refused) == (403, "may_not_link_ticket")
    listed = as_token(cast.bob).get(f"/api/v1/{path}").json()
    assert [item["ticket"] for item in listed] == ["OPS-7", "OPS-8"]
    newest = Event.objects.filter(subject=finding.subject).latest("id")
    assert newest.kind == "registry.ticket.linked"
