"""Webhooks through the API: who sets them, what is shown once, what is refused."""

import json

import pytest
from django.test import Client

from audit.models import Event, PrivateField
from registry.models import Delivery, DeliveryState, NotificationType, Webhook
from registry.models.webhook import WebhookKey
from registry.services.deliveries import deliver
from registry.services.notifications import announce
from registry.services.webhooks import MOST_WEBHOOKS, disable_webhook
from tests import factories
from tests.registry.receiver import internal, receiver
from tracking.permissions import Role
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
URL = "https://hooks.example/in?token=hidden"
KIND = "dev.attestry.request.approved.v1"


@pytest.fixture
def ada(cast, as_token) -> Client:
    client: Client = as_token(cast.ada)
    return client


def post(client: Client, path: str, **body):
    return client.post(f"/api/v1/{path}", body, content_type="application/json")


def refusal(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def entries(subject: str):
    return [
        json.loads(bytes(event.body))
        for event in Event.objects.filter(subject=subject).order_by("id")
    ]


def created(client: Client, **changes) -> dict[str, object]:
    answer = post(client, "webhooks/", **{"url": URL, "event_types": [KIND]} | changes)
    assert answer.status_code == 201, answer.content
    found: dict[str, object] = answer.json()
    return found


def dead(workspace) -> Delivery:
    announce(
        NotificationType.REQUEST_APPROVED,
        workspace=workspace,
        subject="request/1",
        data={},
    )
    delivery = Delivery.objects.latest("pk")
    deliver(delivery.pk, jitter=lambda: 0.0)
    return delivery


def test_secret_is_shown_once_and_kept_sealed(ada):
    made = created(ada)

    assert str(made["key"]).startswith("whsec_")
    shown = ada.get(f"/api/v1/webhooks/{made['webhook']}/").json()
    assert shown == {
        "id": made["webhook"],
        "url": URL,
        "event_types": [KIND],
        "is_enabled": True,
        "disabled_at": None,
        "created_by": "ada",
        "created_at": shown["created_at"],
    }
    kept = bytes(WebhookKey.objects.get().sealed)
    assert str(made["key"]).removeprefix("whsec_").encode() not in kept
    assert len(kept) == 12 + 32 + 16


def test_public_key_is_shown_for_a_key_pair(ada):
    assert str(created(ada, scheme="v1a")["key"]).startswith("whpk_")


def test_each_change_is_one_entry_and_the_address_only_a_commitment(ada, cast):
    pk = created(ada)["webhook"]
    post(ada, f"webhooks/{pk}/key-rotations/")
    post(ada, f"webhooks/{pk}/disabling/")
    post(ada, f"webhooks/{pk}/enabling/")

    found = entries(f"webhook/{pk}")
    assert [(entry["kind"], entry["actor"]) for entry in found] == [
        ("registry.webhook.created", f"user/{cast.ada.pk}"),
        ("registry.webhook.key_rotated", f"user/{cast.ada.pk}"),
        ("registry.webhook.disabled", f"user/{cast.ada.pk}"),
        ("registry.webhook.enabled", f"user/{cast.ada.pk}"),
    ]
    assert found[0]["payload"] == {
        "workspace": "default",
        "event_types": [KIND],
        "scheme": "v1",
    }
    assert "hidden" not in json.dumps(found)
    assert PrivateField.objects.get(field="url").value == URL


def test_rotation_shows_another_secret(ada):
    made = created(ada)

    rotated = post(ada, f"webhooks/{made['webhook']}/key-rotations/", overlap_hours=1)

    assert rotated.status_code == 201
    assert rotated.json()["key"] not in {made["key"], None}
    assert WebhookKey.objects.filter(retires_at=None).count() == 1


@pytest.mark.parametrize("name", ["alice", "olivia", "bob", "carol", "rex", "bot"])
def test_nobody_but_an_administrator_sees_or_changes_webhooks(
    cast, ada, as_token, name
):
    pk = created(ada)["webhook"]
    client = as_token(getattr(cast, name))

    assert refusal(post(client, "webhooks/", url=URL, event_types=[KIND])) == (
        403,
        "may_not_connect_systems",
    )
    assert client.get("/api/v1/webhooks/").json()["results"] == []
    assert client.get("/api/v1/deliveries/").json()["results"] == []
    for path in ("disabling/", "enabling/", "key-rotations/"):
        answer = post(client, f"webhooks/{pk}/{path}")
        assert refusal(answer) == (404, "webhook_unknown")
    assert refusal(client.get(f"/api/v1/webhooks/{pk}/")) == (404, "webhook_unknown")


def test_superuser_without_the_role_sees_and_changes_nothing(cast, workspace, ada):
    pk = created(ada)["webhook"]
    root = factories.person("root", workspace, None, is_superuser=True)
    client = Client(headers={"Authorization": f"Bearer {factories.token(root)}"})

    answer = post(client, f"webhooks/{pk}/disabling/")

    assert refusal(answer) == (403, "may_not_connect_systems")
    assert Webhook.objects.enabled().count() == 1


def test_webhook_of_another_workspace_is_not_found(cast, ada, as_token):
    elsewhere = create_workspace("elsewhere", actor=cast.ada)
    zoe = factories.person("zoe", elsewhere, Role.ADMINISTRATOR)
    pk = created(ada)["webhook"]

    client = as_token(zoe)
    for path in (f"/api/v1/webhooks/{pk}/", f"/w/elsewhere/api/v1/webhooks/{pk}/"):
        assert client.get(path).status_code == 404
    factories.grant(cast.ada, Role.ADMINISTRATOR, elsewhere)
    assert ada.get(f"/w/elsewhere/api/v1/webhooks/{pk}/").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"url": "https://127.0.0.1/"}, 400, "webhook_address_internal"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, 400, "webhook_address_internal"),
        ({"url": "https://2852039166/latest/"}, 400, "webhook_address_internal"),
        ({"url": "http://hooks.example/"}, 400, "webhook_not_encrypted"),
        ({"url": "https://a:b@hooks.example/"}, 400, "webhook_url_invalid"),
        ({"url": "javascript:alert(1)"}, 400, "webhook_url_invalid"),
        ({"url": "https://hooks.example/\r\nX: 1"}, 400, "webhook_url_invalid"),
        ({"url": None}, 400, "fields_invalid"),
        ({"url": "https://hooks.example/" + "a" * 2000}, 400, "fields_invalid"),
        ({"event_types": []}, 400, "fields_invalid"),
        ({"event_types": ["dev.attestry.other.v1"]}, 400, "fields_invalid"),
        ({"event_types": [KIND, KIND]}, 400, "event_types_invalid"),
        ({"scheme": "v2"}, 400, "fields_invalid"),
        ({"secret": "mine"}, 400, "fields_invalid"),
    ],
)
def test_what_no_webhook_can_be_is_refused(ada, changes, status, code):
    answer = post(ada, "webhooks/", **{"url": URL, "event_types": [KIND]} | changes)

    assert refusal(answer) == (status, code)
    assert not Webhook.objects.exists()


def test_webhook_is_disabled_and_enabled_once(ada):
    pk = created(ada)["webhook"]

    assert post(ada, f"webhooks/{pk}/disabling/").json()["is_enabled"] is False
    assert refusal(post(ada, f"webhooks/{pk}/disabling/")) == (409, "webhook_disabled")
    assert post(ada, f"webhooks/{pk}/enabling/").json()["is_enabled"] is True
    assert refusal(post(ada, f"webhooks/{pk}/enabling/")) == (409, "webhook_enabled")


@pytest.mark.parametrize("hours", [-1, 721, "a day", 1.5])
def test_overlap_has_bounds(ada, hours):
    pk = created(ada)["webhook"]

    answer = post(ada, f"webhooks/{pk}/key-rotations/", overlap_hours=hours)

    assert refusal(answer) == (400, "fields_invalid")


def test_workspace_has_so_many_webhooks_and_no_more(ada):
    for _ in range(MOST_WEBHOOKS):
        created(ada)

    answer = post(ada, "webhooks/", url=URL, event_types=[KIND])

    assert refusal(answer) == (409, "too_many_webhooks")


def test_dead_letters_are_listed_looked_at_and_replayed(ada, workspace):
    with internal("127.0.0.0/8"), receiver() as there:
        pk = created(ada, url=there.url)["webhook"]
        there.answers = [410]
        delivery = dead(workspace)
        listed = ada.get("/api/v1/deliveries/?state=dead").json()["results"]
        looked_at = ada.get(f"/api/v1/deliveries/{delivery.pk}/").json()
        replayed = post(ada, f"deliveries/{delivery.pk}/replays/")
        deliver(delivery.pk, jitter=lambda: 0.0)

    assert [(item["id"], item["webhook"], item["recipient"]) for item in listed] == [
        (delivery.pk, pk, None)
    ]
    assert json.loads(looked_at["body"])["id"] == looked_at["message_id"]
    assert [(item["status"], item["failure"]) for item in looked_at["attempts"]] == [
        (410, "The receiver answered with status 410.")
    ]
    assert (replayed.status_code, replayed.json()["state"]) == (202, "waiting")
    assert ada.get("/api/v1/deliveries/?state=dead").json()["results"] == []
    delivered = ada.get("/api/v1/deliveries/?state=delivered").json()["results"]
    assert [item["id"] for item in delivered] == [delivery.pk]


def test_delivery_that_is_not_there_or_waits_is_not_replayed(ada, workspace):
    created(ada, url="https://localhost/in")
    delivery = dead(workspace)
    assert delivery.state == DeliveryState.WAITING

    assert refusal(post(ada, f"deliveries/{delivery.pk}/replays/")) == (
        409,
        "delivery_waits",
    )
    assert refusal(post(ada, "deliveries/4711/replays/")) == (404, "delivery_unknown")


@pytest.mark.parametrize("query", ["state=lost", "webhook=x", "webhook=0"])
def test_wrong_filter_of_deliveries_is_refused(ada, query):
    assert ada.get(f"/api/v1/deliveries/?{query}").status_code == 400


@pytest.mark.parametrize(("path", "queries"), [("webhooks/", 4), ("deliveries/", 4)])
def test_list_costs_the_same_number_of_queries_however_long(
    ada, workspace, django_assert_num_queries, path, queries
):
    for _ in range(3):
        created(ada, url="https://localhost/in")
    dead(workspace)
    ada.get(f"/api/v1/{path}")  # content types are kept from here on

    with django_assert_num_queries(queries):
        assert ada.get(f"/api/v1/{path}").json()["count"] == 3


def test_administrator_reads_webhooks_and_dead_letters_in_the_admin(
    cast, ada, workspace
):
    pk = created(ada, url="https://localhost/in")["webhook"]
    delivery = dead(workspace)
    browser = Client()
    browser.force_login(cast.ada)

    page = browser.get(f"/admin/registry/webhook/{pk}/change/")
    assert "https://localhost/in" in page.content.decode()
    assert f"/admin/registry/delivery/{delivery.pk}/change/" in page.content.decode()
    page = browser.get(f"/admin/registry/delivery/{delivery.pk}/change/")
    assert "webhook_address_internal" in page.content.decode()
    for path in ("webhook/", "delivery/", "delivery/?state__exact=dead"):
        assert browser.get(f"/admin/registry/{path}").status_code == 200
    other = Client()
    other.force_login(cast.bob)
    assert other.get(f"/admin/registry/webhook/{pk}/change/").status_code == 404


@pytest.mark.parametrize(("path", "queries"), [("webhook/", 9), ("delivery/", 9)])
def test_admin_list_costs_the_same_number_of_queries_however_long(
    cast, ada, workspace, django_assert_num_queries, path, queries
):
    for _ in range(3):
        created(ada, url="https://localhost/in")
    dead(workspace)
    browser = Client()
    browser.force_login(cast.ada)
    browser.get(f"/admin/registry/{path}")  # content types are kept from here on

    with django_assert_num_queries(queries):
        assert browser.get(f"/admin/registry/{path}").status_code == 200


def test_dead_letter_is_sent_again_from_its_page(workspace, cast):
    ada = Client()
    ada.force_login(cast.ada)
    with internal("127.0.0.0/8"), receiver() as there:
        there.answers = [410, 200]
        factories.webhook(workspace, cast, url=there.url)
        given_up = dead(workspace)
        root = f"/admin/registry/delivery/{given_up.pk}"
        offered = ada.get(f"{root}/change/").context["acts"]
        form = ada.get(f"{root}/acts/replay/")

        answer = ada.post(f"{root}/acts/replay/")
        waiting = ada.get(f"{root}/change/").context["acts"]
        deliver(given_up.pk, jitter=lambda: 0.0)

    assert offered == [(f"{root}/acts/replay/", "Send again")]
    assert "Send the same message again" in form.content.decode()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{root}/change/")
    assert waiting == []
    given_up.refresh_from_db()
    assert given_up.state == DeliveryState.DELIVERED
    assert len({call.headers["webhook-id"] for call in there.calls}) == 1
    assert [entry["kind"] for entry in entries(given_up.subject)] == [
        "registry.delivery.given_up",
        "registry.delivery.replayed",
    ]


def test_page_says_why_a_delivery_is_not_sent_again(workspace, cast):
    ada, bob = Client(), Client()
    ada.force_login(cast.ada)
    bob.force_login(cast.bob)
    told = factories.webhook(workspace, cast)
    given_up = dead(workspace)
    disable_webhook(told, actor=cast.ada)
    path = f"/admin/registry/delivery/{given_up.pk}/acts/replay/"

    assert "Nobody is there to receive this" in ada.post(path).content.decode()
    assert bob.post(path).status_code == 404
    given_up.refresh_from_db()
    assert given_up.state == DeliveryState.DEAD
