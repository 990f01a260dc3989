"""Which servers a webhook may reach: public ones, and internal ones that are named.

Whoever sets a webhook chooses where this installation connects to; without this, they
would reach what only its own network reaches (server-side request forgery).
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from django.conf import settings

from audit.errors import ConflictError, InvalidError

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], list[str]]
LONGEST_URL = 2000
PORTS = {"https": 443, "http": 80}
# Global unicast is 2000::/3 (RFC 4291); what of it reaches nobody, or a tunnel's end.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


@dataclass(frozen=True)
class Endpoint:
    """A webhook's URL, taken apart; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def is_encrypted(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def endpoint(url: str) -> Endpoint:
    """Take a URL apart, and refuse one that no webhook can have, wherever it leads."""
    if not (url.isascii() and url.isprintable() and " " not in url):
        raise _unusable("it holds blanks or characters beyond ASCII")
    if len(url) > LONGEST_URL:
        raise _unusable(f"it has more than {LONGEST_URL} characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _unusable("it cannot be read") from None
    if parts.scheme not in PORTS or not host or "\\" in url or "%" in parts.netloc:
        raise _unusable("it is no http address with a host name")
    if "@" in parts.netloc or parts.fragment:
        raise _unusable("it holds a user name, a password or a fragment")
    target = parts.path or "/"
    return Endpoint(
        scheme=parts.scheme,
        host=host.rstrip("."),
        port=PORTS[parts.scheme] if port is None else port,
        target=f"{target}?{parts.query}" if parts.query else target,
    )


def refuse_unreachable(place: Endpoint) -> None:
    """Refuse what can be refused without asking a name server.

    A name is asked for where something is sent, every time: it may mean another address
    by then.
    """
    if _is_named(place.host):
        return
    if not place.is_encrypted and not _internal_networks():
        raise InvalidError(
            "webhook_not_encrypted",
            "A webhook's address begins with https://; plain http is for internal hosts "
            "that ATTESTRY_WEBHOOK_INTERNAL_HOSTS names.",
        )
    written = _written_address(place.host)
    if written is not None and not _may_reach(place, written):
        raise InvalidError(
            "webhook_address_internal",
            f"{place.host} is no public address: ask whoever runs this installation to "
            f"name it in ATTESTRY_WEBHOOK_INTERNAL_HOSTS.",
        )


def resolved(host: str, port: int) -> list[str]:
    """Ask the name server once; OSError if it knows no address."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def addresses_of(place: Endpoint, *, resolve: Resolver) -> list[str]:
    """Return the addresses to connect to; ConflictError if any of them is internal.

    The caller connects to one of these and asks no name server again, so a name that
    means something else a moment later (DNS rebinding) changes nothing.
    """
    found = list(dict.fromkeys(resolve(place.host, place.port)))
    for address in found:
        if not _may_reach(place, ipaddress.ip_address(address)):
            raise ConflictError(
                "webhook_address_internal",
                f"{place.host} leads to {address}, which is no public address"
                f"{'' if place.is_encrypted else ' or is reached without encryption'}.",
            )
    return found


def is_public(address: Address) -> bool:
    """Say whether anybody on the internet could reach it as well."""
    if isinstance(address, IPv6Address):
        within = _v4_within(address)
        if within is not None:
            return is_public(within)
        return address in _GLOBAL_UNICAST and not any(
            address in network for network in _NOT_PUBLIC_V6
        )
    return address.is_global and not any(
        address in network for network in _NOT_PUBLIC_V4
    )


def _may_reach(place: Endpoint, address: Address) -> bool:
    address = _unwrapped(address)
    if any(address in network for network in _internal_networks()):
        return True
    if _is_named(place.host):
        # Where clouds hand out credentials; a name is too little to mean that.
        return not address.is_link_local
    return place.is_encrypted and is_public(address)


def _unwrapped(address: Address) -> Address:
    within = _v4_within(address) if isinstance(address, IPv6Address) else None
    return within or address


def _v4_within(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def _written_address(host: str) -> Address | None:
    """Return the address that a host is, in any spelling that a socket accepts.

    `2130706433` and `0x7f.1` are 127.0.0.1 to the C library.
    """
    try:
        found = socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except (OSError, UnicodeError):
        return None
    return ipaddress.ip_address(str(found[0][4][0]))


def _is_named(host: str) -> bool:
    return host in settings.ATTESTRY_WEBHOOK_INTERNAL_HOSTS.names


def _internal_networks() -> tuple[IPv4Network | IPv6Network, ...]:
    networks: tuple[IPv4Network | IPv6Network, ...] = (
        settings.ATTESTRY_WEBHOOK_INTERNAL_HOSTS.networks
    )
    return networks


def _unusable(reason: str) -> InvalidError:
    return InvalidError(
        "webhook_url_invalid",
        f"This is no address for a webhook, because {reason}: write https://host/path.",
    )
