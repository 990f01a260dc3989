"""A webhook reaches public addresses and named internal ones, however it is written."""

import ipaddress

import pytest
from django.core.exceptions import ImproperlyConfigured

from audit.errors import ConflictError, InvalidError
from config import env
from registry.webhooks.addresses import (
    addresses_of,
    endpoint,
    is_public,
    refuse_unreachable,
)
from tests.registry.receiver import internal

INTERNAL = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
    "2001:db8::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "8.8.8.8",
    "172.32.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2606:4700:4700::1111",
]


def answering(*addresses: str):
    return lambda _host, _port: list(addresses)


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_address_is_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INTERNAL)
def test_name_that_leads_inside_is_refused_when_something_is_sent(address):
    with pytest.raises(ConflictError) as refusal:
        addresses_of(endpoint("https://hooks.example"), resolve=answering(address))

    assert refusal.value.code == "webhook_address_internal"


def test_one_internal_address_among_public_ones_is_enough_to_refuse():
    with pytest.raises(ConflictError):
        addresses_of(
            endpoint("https://hooks.example"), resolve=answering("8.8.8.8", "10.0.0.1")
        )


def test_public_name_is_resolved_once_and_reached_by_what_came_back():
    asked = []

    def resolve(host, port):
        asked.append((host, port))
        return ["8.8.8.8", "8.8.4.4", "8.8.8.8"]

    found = addresses_of(endpoint("https://hooks.example:8443/in"), resolve=resolve)

    assert (found, asked) == (["8.8.8.8", "8.8.4.4"], [("hooks.example", 8443)])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "169.254.169.254",
        "169.254.169.254.",
        "[fd00:ec2::254]",
    ],
)
def test_internal_address_is_refused_in_every_spelling(host):
    with pytest.raises(InvalidError) as refusal:
        refuse_unreachable(endpoint(f"https://{host}/latest/meta-data"))

    assert refusal.value.code == "webhook_address_internal"


def test_public_address_and_name_are_taken():
    refuse_unreachable(endpoint("https://8.8.8.8/in"))
    refuse_unreachable(endpoint("https://hooks.example/in"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example/in",
        "ftp://hooks.example/in",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "https://",
        "https:///in",
        "https://user:password@hooks.example/in",
        "https://hooks.example@127.0.0.1/in",
        "https://hooks.example/in#part",
        "https://hooks.example:99999/in",
        "https://hooks.example:port/in",
        "https://[::1/in",
        "https://[fe80::1%25eth0]/in",
        "https://hooks.example%2f@127.0.0.1/in",
        "https://hooks.example\\@127.0.0.1/in",
        "https://hooks.example/in\r\nX-Injected: 1",
        "https://hooks.example/in put",
        "https://höks.example/in",
        "https://hooks.example/" + "a" * 2000,
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused(url):
    with pytest.raises(InvalidError) as refusal:
        endpoint(url)

    assert refusal.value.code == "webhook_url_invalid"


def test_plain_http_is_refused_for_everybody_else():
    with pytest.raises(InvalidError) as refusal:
        refuse_unreachable(endpoint("http://hooks.example/in"))

    assert refusal.value.code == "webhook_not_encrypted"


def test_plain_http_does_not_reach_a_public_address_though_a_network_is_named():
    with internal("10.1.0.0/16"), pytest.raises(ConflictError):
        addresses_of(endpoint("http://hooks.example"), resolve=answering("8.8.8.8"))


def test_named_network_is_reached_and_its_neighbour_is_not():
    place = endpoint("http://hooks.corp/in")
    with internal("10.1.0.0/16"):
        assert addresses_of(place, resolve=answering("10.1.2.3")) == ["10.1.2.3"]
        assert addresses_of(place, resolve=answering("::ffff:10.1.2.3"))
        with pytest.raises(ConflictError):
            addresses_of(place, resolve=answering("10.2.0.1"))


def test_named_host_is_reached_wherever_it_is_but_not_where_clouds_keep_credentials():
    place = endpoint("http://Hooks.Corp/in")
    with internal("hooks.corp"):
        refuse_unreachable(place)
        assert addresses_of(place, resolve=answering("192.168.0.7")) == ["192.168.0.7"]
        for address in ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1"):
            with pytest.raises(ConflictError):
                addresses_of(place, resolve=answering(address))


def test_setting_tells_hosts_from_networks(monkeypatch):
    monkeypatch.setenv("ATTESTRY_TRIED", "Hooks.corp, 10.1.0.0/16,fd00::/8, 10.9.9.9")
    monkeypatch.setattr(env, "VARIABLES", {})

    found = env.hosts("ATTESTRY_TRIED")

    assert found.names == {"hooks.corp"}
    assert [str(network) for network in found.networks] == [
        "10.1.0.0/16",
        "fd00::/8",
        "10.9.9.9/32",
    ]


@pytest.mark.parametrize("wrong", ["10.1.0.1/16", "10.1.0.0/33", "fd00::/200"])
def test_setting_with_a_wrong_network_stops_the_start(monkeypatch, wrong):
    monkeypatch.setenv("ATTESTRY_TRIED", wrong)
    monkeypatch.setattr(env, "VARIABLES", {})

    with pytest.raises(ImproperlyConfigured, match="ATTESTRY_TRIED holds"):
        env.hosts("ATTESTRY_TRIED")
