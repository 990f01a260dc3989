"""A report that somebody orders as a developer only is a draft, and says so."""

import json

import pytest

from registry.permissions import MODEL_GRANTS, orders_drafts
from registry.reports.pdf import render
from registry.reports.reading import read_lineage
from tests import factories
from tests.registry.reports.eventful import eventful_report
from tests.registry.reports.test_pdf import opened, text_of
from tracking.permissions import Role
from tracking.services.role_grants import approve_role, ask_for_role


@pytest.mark.django_db
def test_only_a_developers_report_of_what_serves_is_a_draft(workspace, cast):
    factories.policy(workspace, cast)
    serving = factories.champion(workspace, cast)

    of_alice, of_bob = (
        read_lineage(serving, reader=reader) for reader in (cast.alice, cast.bob)
    )

    assert (of_alice.is_draft, of_bob.is_draft) == (True, False)
    assert of_alice.identity.standing == "Champion in production"
    assert json.loads(of_alice.to_json())["is_draft"] is True
    assert json.loads(of_bob.to_json())["is_draft"] is False


@pytest.mark.django_db
@pytest.mark.any_database
def test_of_all_roles_for_reports_the_developers_alone_makes_drafts(workspace, cast):
    model = factories.model(workspace, cast)
    holders = {
        Role.DEVELOPER: cast.alice,
        Role.OWNER: cast.olivia,
        Role.VALIDATOR: cast.bob,
        Role.RISK: cast.rita,
        Role.ETHICS: cast.eve,
        Role.AUDITOR: cast.carol,
        Role.BOT: cast.bot,
    }
    assert holders.keys() == MODEL_GRANTS["order_report"]

    drafting = [role for role in holders if orders_drafts(holders[role], model)]

    assert drafting == [Role.DEVELOPER]


@pytest.mark.django_db
@pytest.mark.any_database
def test_another_role_counts_where_it_is_for_reports_on_the_model(workspace, cast):
    credit = factories.model(workspace, cast)
    limits = factories.model(workspace, cast, "limits")

    factories.grant(cast.alice, Role.RELEASE, workspace)
    assert orders_drafts(cast.alice, credit)
    asked = ask_for_role(
        cast.alice,
        role=Role.AUDITOR,
        workspace=workspace,
        on=credit,
        reason="Looks at it.",
        actor=cast.ada,
    )
    approve_role(asked, actor=cast.rita)

    assert not orders_drafts(cast.alice, credit)
    assert orders_drafts(cast.alice, limits)


@pytest.mark.any_database
def test_draft_is_stamped_on_its_cover_and_named_on_every_other_page():
    final, draft = (
        render(eventful_report(is_draft=is_draft)) for is_draft in (False, True)
    )

    cover, *others = [page.extract_text() for page in opened(draft).pages]
    assert "DRAFT" in cover
    assert "ordered as a developer" in cover
    assert all("draft of the lineage report" in page for page in others)
    assert "draft" not in text_of(final).lower()
