"""Where the log is published: a folder, or a bucket of S3-compatible storage."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.conf import settings

from audit.errors import ConflictError
from audit.storage.durable_files import write_durably

LOCK = ".lock"
CHECKPOINT, KEY = "checkpoint", "key"
# C2SP tlog-tiles: what is full never changes, what is partial is replaced by it.
FOR_EVER, FOR_SECONDS = "public, max-age=31536000, immutable", "public, max-age=5"


class PublishedPlace(Protocol):
    """Names below it are relative paths of C2SP tlog-tiles."""

    def read(self, name: str) -> bytes | None:
        """Return what is published under a name; None where nothing is."""

    def write(self, name: str, data: bytes) -> None:
        """Put it in place of any other, whole or not at all."""

    def remove_partial_forms(self, name: str) -> None:
        """Drop the partial forms of a resource that is full now."""

    def address_of(self, name: str) -> str:
        """Return what to tell an operator."""


class PublishedFolder:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, data: bytes) -> None:
        write_durably(self._folder / name, data)

    def remove_partial_forms(self, name: str) -> None:
        shutil.rmtree(self._folder / f"{name}.p", ignore_errors=True)

    def address_of(self, name: str) -> str:
        return str(self._folder / name)


class PublishedBucket:
    """A bucket, below a prefix; one object is put whole or not at all."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def read(self, name: str) -> bytes | None:
        with _reachable(self.address_of(name)):
            try:
                found = self._client.get_object(
                    Bucket=self._bucket, Key=self._prefix + name
                )
            except self._client.exceptions.NoSuchKey:
                return None
            content: bytes = found["Body"].read()
        return content

    def write(self, name: str, data: bytes) -> None:
        is_final = name.startswith("tile/") and ".p/" not in name
        is_tile = name.startswith("tile/")
        with _reachable(self.address_of(name)):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + name,
                Body=data,
                CacheControl=FOR_EVER if is_final else FOR_SECONDS,
                ContentType="application/octet-stream" if is_tile else "text/plain",
            )

    def remove_partial_forms(self, name: str) -> None:
        prefix = f"{self._prefix}{name}.p/"
        with _reachable(self.address_of(name)):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for found in page.get("Contents", ()):
                    self._client.delete_object(Bucket=self._bucket, Key=found["Key"])

    def address_of(self, name: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{name}"


@contextlib.contextmanager
def alone_in_published_place() -> Iterator[PublishedPlace]:
    """Yield the place of this log to one publisher at a time.

    The lock of a bucket lies beside the guard, which all sequencers share.
    """
    target: str | Path = settings.ATTESTRY_LOG_PUBLISH_TO
    folder = target if isinstance(target, Path) else settings.ATTESTRY_LOG_GUARD
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield published_place()


def published_place() -> PublishedPlace:
    target: str | Path = settings.ATTESTRY_LOG_PUBLISH_TO
    if isinstance(target, Path):
        return PublishedFolder(target)
    parts = urlsplit(target)
    prefix = parts.path.strip("/")
    client = _client(settings.ATTESTRY_BUCKET_ENDPOINT_URL)
    return PublishedBucket(client, parts.netloc, f"{prefix}/" if prefix else "")


@lru_cache(maxsize=1)
def _client(endpoint_url: str) -> Any:
    import boto3  # noqa: PLC0415 - half a second that only a bucket needs

    return boto3.client("s3", endpoint_url=endpoint_url or None)


@contextlib.contextmanager
def _reachable(address: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ConflictError(
            "published_place_unreachable",
            f"{address} cannot be reached: {error}. The log goes on being signed; "
            f"check the bucket, ATTESTRY_BUCKET_ENDPOINT_URL and the credentials.",
        ) from error
