"""The log is published to S3-compatible storage as it is to a folder."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from django.conf import settings
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from audit.errors import ConflictError
from audit.proofs import verify_log
from audit.proofs.inclusion import newest_checkpoint
from audit.sequencer import publish, sequence_pending
from audit.storage import published_place
from audit.tlog.verify import main as verify
from tests.audit.happenings import note

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3, on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, request) -> Iterator["Bucket"]:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    name = f"log-{abs(hash(request.node.name))}"
    monkeypatch.setattr(settings, "ATTESTRY_BUCKET_ENDPOINT_URL", endpoint)
    monkeypatch.setattr(settings, "ATTESTRY_LOG_PUBLISH_TO", f"s3://{name}/a/prefix")
    published_place._client.cache_clear()
    yield Bucket(boto3.client("s3", endpoint_url=endpoint), name)
    published_place._client.cache_clear()


class Bucket:
    """What lies below the prefix, as an outsider sees it."""

    def __init__(self, client, name: str) -> None:
        self.client, self.name = client, name
        client.create_bucket(Bucket=name)

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.name, Prefix="a/prefix/")
        keys = [item["Key"] for item in found.get("Contents", ())]
        return [key.removeprefix("a/prefix/") for key in keys]

    def read(self, name: str) -> bytes:
        found = self.client.get_object(Bucket=self.name, Key=f"a/prefix/{name}")
        return bytes(found["Body"].read())

    def write(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"a/prefix/{name}", Body=data)

    def download(self, folder: Path) -> Path:
        for name in self.names():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(name))
        return folder


def test_outsider_verifies_what_lies_in_the_bucket(bucket, tmp_path):
    for number in range(300):
        note(number)
    sequence_pending()

    folder = bucket.download(tmp_path / "downloaded")

    assert verify(["log", str(folder), "--key", str(folder / "key")]) == 0
    assert (folder / "checkpoint").read_bytes() == newest_checkpoint()
    assert "tile/entries/000" in bucket.names()
    assert not [name for name in bucket.names() if name.startswith("tile/0/000.p/")]
    assert verify_log().faults == ()


def test_full_tile_is_cached_for_ever_and_the_checkpoint_is_not(bucket):
    for number in range(300):
        note(number)
    sequence_pending()

    def header(name: str) -> str:
        found = bucket.client.head_object(Bucket=bucket.name, Key=f"a/prefix/{name}")
        return str(found["CacheControl"])

    assert header("tile/0/000") == "public, max-age=31536000, immutable"
    assert header("checkpoint") == "public, max-age=5"


def test_object_that_was_altered_is_left_alone_and_stops_publishing(bucket):
    note(1)
    sequence_pending()
    [partial] = [name for name in bucket.names() if name.startswith("tile/0/")]
    before = bucket.read("checkpoint")
    note(2)
    grown = partial.replace(partial.rsplit("/")[-1], str(int(partial[-2:]) + 1))
    bucket.write(grown, b"other")

    with pytest.raises(ConflictError) as refusal:
        sequence_pending()

    assert refusal.value.code == "published_file_differs"
    assert f"s3://{bucket.name}/a/prefix/{grown}" in refusal.value.detail
    assert bucket.read("checkpoint") == before


def test_bucket_that_is_away_stops_no_signing_and_is_caught_up_with(
    bucket, monkeypatch
):
    monkeypatch.setattr(settings, "ATTESTRY_LOG_PUBLISH_TO", "s3://nowhere/log")
    note(1)
    with pytest.raises(ConflictError) as refusal:
        sequence_pending()
    signed = newest_checkpoint()
    monkeypatch.setattr(
        settings, "ATTESTRY_LOG_PUBLISH_TO", f"s3://{bucket.name}/a/prefix"
    )

    publish()

    assert refusal.value.code == "published_place_unreachable"
    assert bucket.read("checkpoint") == signed


def test_checkpoint_of_another_tree_in_the_bucket_is_noticed(bucket):
    note(1)
    sequence_pending()
    bucket.write("checkpoint", b"other.example/log\n1\n" + b"A" * 43 + b"=\n\nx")

    [fault] = verify_log().faults

    assert fault.sentence.startswith("Published: ")
