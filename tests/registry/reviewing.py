"""What tests of the reviewers' pages share: a browser of somebody, addresses, words."""

from django.contrib.messages import get_messages
from django.test import Client

from registry.models import PromotionRequest

REQUESTS = "/admin/registry/promotionrequest/"


def as_person(user, **options) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def page(subject: PromotionRequest, act: str = "change") -> str:
    return f"{REQUESTS}{subject.pk}/{act}/"


def text(response) -> str:
    return " ".join(response.content.decode().split())


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]
