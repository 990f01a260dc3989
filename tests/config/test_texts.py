"""Characters that no text can hold are refused at the door, and never break anything."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(cast):
    client = Client()
    client.force_login(cast.bob)
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/slots/?registered_model=a%00",
        "/api/v1/runs/a%00/dependants/",
        "/w/a%00/api/v1/policies/",
        "/admin/registry/promotionrequest/?state=%00",
        "/admin/registry/registeredmodel/?q=%00",
    ],
)
def test_address_with_nul_is_refused(bob, address):
    refused = bob.get(address)
    assert (refused.status_code, refused.json()["code"]) == (400, "address_has_nul")


def test_nul_that_is_only_spelt_is_an_address_like_any_other(bob):
    assert bob.get("/api/v1/slots/?registered_model=%2500").status_code == 200


@pytest.mark.parametrize("field", ["severity", "title"])
def test_half_a_surrogate_pair_is_refused(bob, field):
    refused = bob.post(
        "/api/v1/findings/",
        f'{{"{field}": "\\ud800"}}',
        content_type="application/json",
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "fields_invalid")
    assert field in refused.json()["fields"]
