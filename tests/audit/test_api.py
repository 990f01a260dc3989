"""The log over HTTP: what outsiders get, who may not read it, and that proofs verify."""

import base64
import json

import pytest
from django.test import Client

from audit.models import Entry, Head
from audit.sequencer import sequence_pending
from audit.storage.keys import signing_keys
from audit.tlog.checkpoint import open_checkpoint
from audit.tlog.keys import VerifierKey
from audit.tlog.merkle import leaf_hash, verify_consistency
from audit.tlog.policy import Policy
from audit.tlog.proof import TlogProof
from audit.tlog.tiles import bundles_of, read_bundle, tiles_of
from tests.audit.happenings import note

FOREVER = "max-age=31536000, immutable"


@pytest.fixture
def log(cast) -> Head:
    """A log with one full tile and a part of the next."""
    for number in range(256):
        note(number)
    sequence_pending()
    return Head.objects.get()


@pytest.fixture
def carol(cast, as_token):
    return as_token(cast.carol)


@pytest.fixture
def mallory(cast, as_token):
    return as_token(cast.mallory)


def body(response) -> bytes:
    return b"".join(response.streaming_content)


def vkey() -> VerifierKey:
    return signing_keys()[0].verifier_key


def test_checkpoint_and_key_are_for_everybody_and_fit_each_other(log):
    key = VerifierKey.parse(body(Client().get("/log/key")).decode().strip())
    answer = Client().get("/log/checkpoint")

    signed = open_checkpoint(body(answer), [key]).checkpoint
    assert (signed.origin, signed.size, signed.root) == (
        log.origin,
        log.size,
        bytes(log.root),
    )
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Cache-Control"] == "public, no-cache"


def test_unchanged_checkpoint_is_not_sent_again(log):
    tag = Client().get("/log/checkpoint")["ETag"]
    again = Client().get("/log/checkpoint", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_auditor_gets_every_tile_and_bundle_at_its_c2sp_path(log, carol):
    for bundle in bundles_of(log.size):
        answer = carol.get(f"/log/{bundle.path}")
        stored = Entry.objects.filter(index__gte=bundle.index * 256).order_by("index")
        assert read_bundle(body(answer), bundle.width) == [
            bytes(entry.event.body) for entry in stored[: bundle.width]
        ]
        assert answer["Cache-Control"] == f"private, {FOREVER}"
    for tile in tiles_of(log.size):
        hashes = body(carol.get(f"/log/{tile.path}"))
        assert len(hashes) == 32 * tile.width


def test_partial_tile_of_an_earlier_size_stays_derivable(log, carol):
    full = body(carol.get("/log/tile/0/000"))
    assert body(carol.get("/log/tile/0/000.p/7")) == full[: 7 * 32]
    assert len(read_bundle(body(carol.get("/log/tile/entries/000.p/7")), 7)) == 7


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001.p/255",
        "tile/0/002",
        "tile/9/000",
        "tile/0/x000/000",
        "tile/0/../key",
    ],
)
def test_tile_that_is_not_signed_or_has_no_such_name_is_not_found(log, carol, path):
    answer = carol.get(f"/log/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "tile_unknown")


@pytest.mark.parametrize(
    "path",
    [
        "/log/tile/0/000",
        "/log/tile/entries/000",
        "/api/v1/log/entries/",
        "/api/v1/log/entries/0/",
        "/api/v1/log/entries/0/proof",
        "/api/v1/log/consistency?from=1",
    ],
)
def test_content_is_for_auditors_unless_the_log_is_public(
    log, carol, mallory, settings, path
):
    assert carol.get(path).status_code == 200
    assert (mallory.get(path).status_code, Client().get(path).status_code) == (403, 401)

    settings.ATTESTRY_LOG_PUBLIC = True
    assert Client().get(path).status_code == 200


def test_entry_shows_the_exact_bytes_that_are_hashed(log, carol):
    answer = carol.get("/api/v1/log/entries/0/").json()
    data = base64.b64decode(answer["body"])
    assert answer["index"] == 0
    assert answer["leaf_hash"] == leaf_hash(data).hex()
    assert answer["event"] == json.loads(data)
    assert answer["event"]["kind"] == "audit.log.initialised"


def test_entries_about_a_subject_since_an_index_come_in_pages(log, carol):
    first = carol.get("/api/v1/log/entries/?subject=thing/1&limit=200").json()
    rest = carol.get(
        f"/api/v1/log/entries/?subject=thing/1&since={first['next']}&limit=200"
    ).json()
    told = [e["event"]["payload"]["number"] for e in first["results"] + rest["results"]]
    assert told == list(range(256))
    assert rest["next"] is None


def test_proof_of_an_entry_verifies_for_an_outsider(log, carol):
    index = log.size - 3
    entry = base64.b64decode(carol.get(f"/api/v1/log/entries/{index}/").json()["body"])
    proof = carol.get(f"/api/v1/log/entries/{index}/proof")

    opened = TlogProof.parse(proof.content).verify_entry(entry, Policy.of_log(vkey()))

    assert opened.checkpoint.size == log.size


@pytest.mark.parametrize("index", [0, 5])
def test_consistency_of_an_older_size_verifies(log, carol, index):
    answer = carol.get(f"/api/v1/log/consistency?from={index}&to={log.size}").json()
    verify_consistency(
        answer["old_size"],
        base64.b64decode(answer["old_root"]),
        answer["new_size"],
        base64.b64decode(answer["new_root"]),
        [base64.b64decode(item) for item in answer["hashes"]],
    )
    assert base64.b64decode(answer["new_root"]) == bytes(log.root)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("entries/999999/", 404, "entry_unknown"),
        ("entries/999999/proof", 404, "entry_not_sealed"),
        ("consistency?from=9&to=5", 400, "sizes_invalid"),
        ("consistency?from=0&to=999999", 400, "sizes_invalid"),
        ("consistency?from=many", 400, "fields_invalid"),
        ("consistency", 400, "fields_invalid"),
        ("entries/?since=-1", 400, "fields_invalid"),
    ],
)
def test_what_there_is_not_is_refused_with_a_code(log, carol, path, status, code):
    answer = carol.get(f"/api/v1/log/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
