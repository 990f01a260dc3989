"""Reads one environment variable at a time, typed, and remembers it for the docs.

Only `config/settings.py` calls these readers. A wrong value stops the start with the
variable's name; a secret may come from a file named by `<NAME>_FILE`.
"""

import os
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Variable:
    """What `docs/configuration.md` says of one environment variable."""

    name: str
    kind: str
    default: str


@dataclass(frozen=True)
class Hosts:
    """Servers that somebody named, some by their network."""

    names: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]


VARIABLES: dict[str, Variable] = {}


def _raw(name: str, kind: str, default: str) -> str | None:
    VARIABLES[name] = Variable(name, kind, default)
    return os.environ.get(name) or None


def text(name: str, default: str = "") -> str:
    return _raw(name, "text", default) or default


def names(name: str, default: tuple[str, ...] = ()) -> list[str]:
    raw = _raw(name, "comma-separated names", ",".join(default))
    if raw is None:
        return list(default)
    return [part.strip() for part in raw.split(",") if part.strip()]


def hosts(name: str) -> Hosts:
    """Return what is a network or an address as one, and everything else as a name."""
    raw = _raw(name, "comma-separated hosts and networks", "") or ""
    found: list[str] = [part.strip().lower() for part in raw.split(",") if part.strip()]
    networks = {part: _network(name, part) for part in found}
    return Hosts(
        names=frozenset(part for part, network in networks.items() if network is None),
        networks=tuple(network for network in networks.values() if network is not None),
    )


def _network(name: str, part: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(part)
    except ValueError:
        if "/" not in part and ":" not in part:
            return None
    raise ImproperlyConfigured(
        f"{name} holds {part!r}: write a host name, or a network such as 10.1.0.0/16."
    )


def switch(name: str, *, default: bool) -> bool:
    raw = _raw(name, "true or false", str(default).lower())
    if raw is None:
        return default
    if raw.lower() not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        raise ImproperlyConfigured(f"{name} is {raw!r}: set it to true or false.")
    return raw.lower() in {"true", "1", "yes", "on"}


def integer(name: str, default: int, *, least: int, most: int) -> int:
    raw = _raw(name, f"whole number, {least} to {most}", str(default))
    if raw is None:
        return default
    try:
        number = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {raw!r}: set a whole number.") from None
    if not least <= number <= most:
        raise ImproperlyConfigured(
            f"{name} is {number}: set a number from {least} to {most}."
        )
    return number


def folder(name: str, default: Path, *, shown_as: str) -> Path:
    raw = _raw(name, "folder", shown_as)
    return Path(raw).expanduser().resolve() if raw else default


def file(name: str) -> Path | None:
    raw = _raw(name, "file", "")
    return Path(raw).expanduser().resolve() if raw else None


def place(name: str, default: Path, *, shown_as: str) -> Path | str:
    """Return a folder, or an address that begins with s3://."""
    raw = _raw(name, "folder or s3:// address", shown_as)
    if raw and raw.startswith("s3://"):
        if len(raw.removeprefix("s3://").strip("/")) == 0:
            raise ImproperlyConfigured(f"{name} names no bucket: s3://bucket/prefix.")
        return raw
    return Path(raw).expanduser().resolve() if raw else default


def secret(name: str, *, shown_as: str) -> str | None:
    """Return the variable, or the content of the file that `<NAME>_FILE` names."""
    raw = _raw(name, "secret", shown_as)
    path = os.environ.get(f"{name}_FILE")
    if raw is not None or not path:
        return raw
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}_FILE names {path}, which cannot be read ({error.strerror}): "
            f"point it at a readable file or unset it."
        ) from None


def key(name: str, default: Path, *, shown_as: str) -> str | Path:
    """Return the variable's value, or else the file that is read where the key is used.

    The file is `<NAME>_FILE` or the default; it need not be there yet.
    """
    raw = _raw(name, "secret", shown_as)
    if raw is not None:
        return raw.strip()
    path = os.environ.get(f"{name}_FILE")
    return Path(path).expanduser().resolve() if path else default


def choice(name: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words; the first is the default."""
    raw = _raw(name, " or ".join(allowed), allowed[0]) or allowed[0]
    if raw not in allowed:
        raise ImproperlyConfigured(
            f"{name} is {raw!r}: set it to {' or '.join(allowed)}."
        )
    return raw
