"""Every act on a page of the admin appends what the API's call does, and none is left out."""

import re
from collections.abc import Iterator
from inspect import unwrap
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from registry.admin.act_forms import ACTS
from registry.events import RegistryEvent
from tests import factories
from tests.every_route import (
    admin_access,
    admin_promotion,
    admin_serving,
    admin_tracking,
)
from tests.every_route.asking import Ask, Change
from tests.every_route.walking import address, last_entry, recorded_since, routes

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

PAGES = (admin_promotion, admin_serving, admin_access, admin_tracking)
TABLES = [module.PAGES for module in PAGES]
CHANGES = {act: change for table in TABLES for act, change in table.items()}
# What Django gives every table of its own accord: here all of these only read.
OF_EVERY_TABLE = re.compile(
    r"admin/(audit|auth|tracking|registry)/\w+/"
    r"(add/|<path:object_id>/((history|delete|change)/)?)?"
)
OF_THE_SITE = {
    "admin/",
    "admin/autocomplete/",
    "admin/jsi18n/",
    "admin/password_change/done/",
    "admin/r/<path:content_type_id>/<path:object_id>/",
}
# They only list, and refuse whatever is posted.
OF_LINEAGE = re.compile(
    r"admin/registry/modelversion/standing-on/((dataset|run)/<int:pk>|commit)/"
)
# They begin and end a session, which is no entry; a failure is one (test_log_ins.py).
DOORS = {"admin/login/", "admin/logout/"}
# An app's own index, and whatever else begins with `admin/`.
PATTERNS = {
    r"admin/^(?P<app_label>audit|auth|tracking|registry)/$": "/admin/registry/",
    "admin/(?P<url>.*)$": "/admin/nothing-here/",
}
WRITES = ("INSERT", "UPDATE", "DELETE")
# What a page's own forms send, and Django's action that deletes every row of a table.
FORM = {
    "name": "renamed",
    "post": "yes",
    "action": "delete_selected",
    "index": "0",
    "select_across": "1",
    "_selected_action": "1",
}
# A site as Django makes it, which offers the action.
OPEN_SITE = AdminSite()
OPEN_SITE.register(Group)
urlpatterns = [path("admin/", OPEN_SITE.urls)]


def pages() -> Iterator[str]:
    """Yield each page of the admin once, and each act by its own word."""
    for route, view in routes():
        if not route.startswith("admin/"):
            continue
        for word in words(view) if "<slug:act>" in route else [""]:
            yield route.replace("<slug:act>", word)


def words(view: Any) -> list[str]:
    """Return what the acts of a table are called in the addresses of their pages."""
    return list(getattr(unwrap(view).__self__, "acts", ACTS))


def reads(page: str) -> bool:
    return bool(
        page in OF_THE_SITE
        or page in PATTERNS
        or OF_EVERY_TABLE.fullmatch(page)
        or OF_LINEAGE.fullmatch(page)
    )


def place(page: str) -> str:
    """Return the address of a page, of the table's first row where it wants one."""
    if page in PATTERNS:
        return PATTERNS[page]
    if "<int:pk>" not in page and not OF_EVERY_TABLE.fullmatch(page):
        return address(page)
    _, app, model, *_ = page.split("/")
    row = apps.get_model(app, model)._default_manager.order_by("pk").first()
    assert row is not None, page
    return address(page, pk=row.pk, object_id=row.pk)


def test_every_page_that_takes_a_change_is_in_the_tables():
    taking = {page for page in pages() if not reads(page)} - DOORS

    assert taking == {page for page, _ in CHANGES}


@pytest.mark.parametrize(
    ("act", "change"), CHANGES.items(), ids=[" ".join(act) for act in CHANGES]
)
def test_act_appends_exactly_the_entries_of_the_call(
    workspace, cast, act: tuple[str, str], change: Change
):
    page, _ = act
    ask = change.prepare(workspace, cast)
    person = ask.client()
    last = last_entry()

    answer = person.post(address(page, **ask.path), ask.body)

    assert answer.status_code in {200, 302}
    assert recorded_since(last) == change.kinds


def test_other_pages_change_nothing_whatever_is_posted(workspace, cast):
    factories.row_in_every_table(workspace, cast)
    ada = Ask(cast.ada, in_session=True).client()
    last = last_entry()

    with CaptureQueriesContext(connection) as seen:
        statuses = {
            page: ada.post(place(page), FORM).status_code
            for page in pages()
            if reads(page)
        }

    assert [
        query["sql"] for query in seen if query["sql"].strip().startswith(WRITES)
    ] == []
    assert recorded_since(last) == []
    refused = {
        status
        for page, status in statuses.items()
        if page.endswith(("/add/", "/delete/", "/change/"))
    }
    assert refused == {403}


@pytest.mark.urls(__name__)
def test_what_is_posted_deletes_where_a_page_lets_it(admin_client):
    Group.objects.create(name="reviewers")

    admin_client.post("/admin/auth/group/", FORM)

    assert not Group.objects.exists()


def test_looking_at_pages_appends_nothing_but_that_evidence_was_opened(workspace, cast):
    factories.row_in_every_table(workspace, cast)
    ada = Ask(cast.ada, in_session=True).client()
    last = last_entry()

    statuses = {
        page: ada.get(place(page)).status_code for page in pages() if page not in DOORS
    }

    shown = {
        status
        for page, status in statuses.items()
        if page.endswith(("/change/", "/sign-off/")) or "/acts/" in page
    }
    assert shown == {200}
    # The request's page, or the one on which it is signed, whichever came first.
    assert recorded_since(last) == [RegistryEvent.EVIDENCE_OPENED]


def test_logging_in_and_out_appends_nothing(cast):
    client = Client()
    named = {"username": cast.bob.username, "password": factories.PASSWORD}
    last = last_entry()

    came = client.post("/admin/login/", named)
    went = client.post("/admin/logout/")

    assert (came.status_code, went.status_code) == (302, 200)
    assert recorded_since(last) == []
