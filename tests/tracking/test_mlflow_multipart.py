"""Uploads and downloads in parts over MLflow's API, and what abandoned ones leave."""

import hashlib
import io
import os
import time

import pytest
from django.test import Client

from audit.errors import NotFoundError
from tests import factories
from tests.tracking.refusals import invalid, unauthenticated, unknown
from tracking import parts
from tracking.models import Artifact, LoggedModelArtifact
from tracking.services.accounts import deactivate_account
from tracking.services.multipart_uploads import complete_upload
from tracking.services.runs import archive_run
from tracking.services.tokens import revoke_token

pytestmark = pytest.mark.any_database

API = "/api/2.0/mlflow-artifacts"
JSON = "application/json"
CONTENT = b"abcdefghij"
UNKNOWN = unknown(
    "upload_unknown",
    "There is no such upload in parts any more: it was completed or given up, or got no "
    "part for 2 days. Upload the file again.",
)


@pytest.fixture
def client(as_token, cast):
    return as_token(cast.alice)


@pytest.fixture
def root(run):
    return f"{run.experiment_id}/{run.run_id}/artifacts"


def answer(response):
    return response.status_code, response.json()


def step(client, name, folder, **message):
    return client.post(f"{API}/mpu/{name}/{folder}", message, JSON)


def begun(client, folder, *, num_parts=2, path="data/weights.bin"):
    response = step(client, "create", folder, path=path, num_parts=num_parts)
    assert response.status_code == 200, response.json()
    return response.json()


def sent(credential, content):
    """Send a part as MLflow's client does: with the headers it got and no token."""
    return Client().put(credential["url"], content, headers=credential["headers"])


def all_sent(upload, *contents):
    """Send all parts, the last one first, and return them as the client names them."""
    pairs = list(zip(upload["credentials"], contents, strict=True))
    named = [
        {"part_number": part["part_number"], "etag": sent(part, content)["ETag"]}
        for part, content in reversed(pairs)
    ]
    return named[::-1]


def completed(client, folder, upload, named, path="data/weights.bin"):
    return step(
        client,
        "complete",
        folder,
        path=path,
        upload_id=upload["upload_id"],
        parts=named,
    )


def files(settings):
    found = settings.ATTESTRY_ARTIFACT_ROOT.rglob("*")
    return sorted(path.name for path in found if path.is_file())


@pytest.mark.parametrize("prefix", ["", "/w/default"])
@pytest.mark.parametrize("folder", ["", "/model/data"])
def test_parts_become_one_artifact_with_one_entry(
    client, root, run, log, settings, prefix, folder
):
    log()
    made = client.post(
        f"{prefix}{API}/mpu/create/{root}{folder}",
        {"path": "data/weights.bin", "num_parts": 3},
        JSON,
    ).json()
    assert [part["part_number"] for part in made["credentials"]] == [1, 2, 3]
    named = all_sent(made, b"abcd", b"efgh", b"ij")
    assert log() == []
    assert not run.artifacts.exists()

    done = client.post(
        f"{prefix}{API}/mpu/complete/{root}{folder}",
        {
            "path": "data/weights.bin",
            "upload_id": made["upload_id"],
            "parts": named[::-1],
        },
        JSON,
    )
    assert answer(done) == (200, {})

    sha256 = hashlib.sha256(CONTENT).hexdigest()
    path = f"{folder}/weights.bin".lstrip("/")
    assert log() == [
        (
            "tracking.artifact.uploaded",
            run.subject,
            {"path": path, "sha256": sha256, "size_bytes": 10},
        )
    ]
    assert files(settings) == [sha256]
    assert client.get(f"{API}/artifacts/{root}/{path}").getvalue() == CONTENT


def test_parts_of_a_file_of_a_logged_model(client, run, cast):
    model = factories.logged_model(run, cast.alice)
    root = f"{model.experiment_id}/models/{model.model_id}/artifacts"
    upload = begun(client, root)
    named = all_sent(upload, b"abcde", b"fghij")
    assert answer(completed(client, root, upload, named)) == (200, {})
    uploaded = LoggedModelArtifact.objects.get(path="weights.bin")
    assert uploaded.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_file_of_windows_gets_its_own_name(client, root, run):
    path = "C:\\models\\weights.bin"
    upload = begun(client, root, path=path, num_parts=1)
    named = all_sent(upload, CONTENT)
    assert answer(completed(client, root, upload, named, path)) == (200, {})
    assert run.artifacts.get().path == "weights.bin"


def test_empty_file_has_no_parts(client, root, run):
    upload = begun(client, root, num_parts=0)
    assert answer(completed(client, root, upload, [])) == (200, {})
    assert run.artifacts.get().size_bytes == 0


def test_part_that_is_sent_again_counts_as_its_etag_says(client, root):
    upload = begun(client, root)
    first, second = upload["credentials"]
    assert sent(first, b"wrong").status_code == 200
    named = all_sent(upload, b"abcde", b"fghij")
    assert sent(second, b"late").status_code == 200
    assert answer(completed(client, root, upload, named)) == (200, {})
    got = client.get(f"{API}/artifacts/{root}/weights.bin")
    assert got.getvalue() == CONTENT


def test_missing_part_is_named_and_can_be_sent_afterwards(client, root, run):
    upload = begun(client, root)
    first, second = upload["credentials"]
    named = [
        {"part_number": 1, "etag": sent(first, b"abcde")["ETag"]},
        {"part_number": 2, "etag": f'"{hashlib.sha256(b"fghij").hexdigest()}"'},
    ]
    assert answer(completed(client, root, upload, named)) == invalid(
        "upload_part_missing",
        "1 of 2 parts did not arrive with the content that their ETag names, part 2 "
        "(7272207e4b9c…) first: send them again, then complete the upload.",
    )
    assert not run.artifacts.exists()
    assert sent(second, b"fghij").status_code == 200
    assert answer(completed(client, root, upload, named)) == (200, {})


@pytest.mark.parametrize("numbers", [[2], [1, 3], [1, 1], [1, 2, 2]])
def test_parts_are_named_once_each_from_one_on(client, root, run, numbers):
    upload = begun(client, root)
    etags = [part["etag"] for part in all_sent(upload, b"abcde", b"fghij")]
    named = [
        {"part_number": number, "etag": etags[number % 2 - 1]} for number in numbers
    ]
    status, body = answer(completed(client, root, upload, named))
    assert (status, body["code"]) == (400, "upload_parts_incomplete")
    assert not run.artifacts.exists()


def test_part_that_is_cut_keeps_nothing(client, root, settings):
    [credential] = begun(client, root, num_parts=1)["credentials"]
    response = Client(headers=credential["headers"]).put(
        credential["url"],
        **{"wsgi.input": io.BytesIO(b"half"), "CONTENT_LENGTH": "8"},  # type: ignore[arg-type]  # the environment of a WSGI server
    )
    assert answer(response) == invalid(
        "upload_truncated",
        "4 of 8 bytes arrived. Nothing was kept: upload the file again.",
    )
    assert files(settings) == []


def test_parts_together_are_no_larger_than_a_file_may_be(client, root, settings):
    settings.ATTESTRY_ARTIFACT_MAX_BYTES = 8
    first, second = begun(client, root)["credentials"]
    assert sent(first, b"abcde").status_code == 200
    status, body = answer(sent(second, b"fghij"))
    assert (status, body["code"]) == (400, "artifact_too_large")


def test_upload_counts_once(client, root, run):
    upload = begun(client, root)
    named = all_sent(upload, b"abcde", b"fghij")
    assert answer(completed(client, root, upload, named)) == (200, {})
    assert answer(completed(client, root, upload, named)) == UNKNOWN
    assert answer(sent(upload["credentials"][0], b"abcde")) == UNKNOWN
    assert run.artifacts.count() == 1


def test_two_completions_at_once_are_one(client, root, run, cast):
    upload = begun(client, root)
    digests = [part["etag"].strip('"') for part in all_sent(upload, b"abcde", b"fghij")]
    with parts.taken(upload["upload_id"], digests), pytest.raises(NotFoundError):
        complete_upload(
            run,
            path="weights.bin",
            upload_id=upload["upload_id"],
            digests=digests,
            actor=cast.alice,
        )
    assert not run.artifacts.exists()


def test_aborted_upload_leaves_nothing(client, root, settings):
    upload = begun(client, root)
    named = all_sent(upload, b"abcde", b"fghij")
    assert len(files(settings)) == 2
    for _ in range(2):
        aborted = step(
            client,
            "abort",
            root,
            path="data/weights.bin",
            upload_id=upload["upload_id"],
        )
        assert answer(aborted) == (200, {})
    assert files(settings) == []
    assert answer(completed(client, root, upload, named)) == UNKNOWN


def test_abandoned_upload_is_swept_by_the_next(client, root, settings):
    old, young = begun(client, root), begun(client, root)
    for upload in (old, young):
        all_sent(upload, b"abcde", b"fghij")
    folders = settings.ATTESTRY_ARTIFACT_ROOT / "parts"
    before = time.time() - parts.KEPT.total_seconds() - 1
    os.utime(folders / old["upload_id"], (before, before))
    new = begun(client, root)
    assert sorted(folder.name for folder in folders.iterdir()) == sorted(
        [young["upload_id"], new["upload_id"]]
    )


# Tickets


def test_ticket_is_for_one_part_and_nothing_else(client, root):
    first, second = begun(client, root)["credentials"]
    refused = unauthenticated(
        "ticket_invalid",
        "This ticket is for another call, or older than a day. Ask for the address of "
        "the file or of its parts again.",
    )
    assert answer(sent({**second, "headers": first["headers"]}, b"x")) == refused
    by_name = "/api/2.0/mlflow/experiments/get-by-name"
    for call in (
        Client().get(by_name, headers=first["headers"]),
        Client().put(f"{API}/artifacts/{root}/a.txt", b"x", headers=first["headers"]),
        Client().put(first["url"], b"x", headers={"X-Attestry-Ticket": "forged"}),
    ):
        assert answer(call) == refused
    assert sent(first, b"x").status_code == 200


def test_ticket_ends_after_a_day(client, root, monkeypatch):
    [credential] = begun(client, root, num_parts=1)["credentials"]
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 24 * 3600 + 5)
    assert sent(credential, b"x").status_code == 401


def test_ticket_ends_with_its_token(run, root, cast):
    secret = factories.token(cast.alice)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    [credential] = begun(client, root, num_parts=1)["credentials"]
    revoke_token(cast.alice.api_tokens.latest("pk"), actor=cast.alice)
    status, body = answer(sent(credential, b"x"))
    assert (status, body["code"]) == (401, "token_expired")


def test_ticket_ends_with_its_account(client, root, cast):
    [credential] = begun(client, root, num_parts=1)["credentials"]
    deactivate_account(cast.alice, actor=cast.ada)
    status, body = answer(sent(credential, b"x"))
    assert status == 401, body


def test_answer_holds_no_token(run, root, cast):
    secret = factories.token(cast.alice)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    made = step(client, "create", root, path="a", num_parts=1)
    assert secret.encode() not in made.content


# What may not be uploaded


def test_upload_that_would_be_refused_is_refused_before_its_parts(
    client, as_token, root, run, cast, settings
):
    client.put(f"{API}/artifacts/{root}/folder/file", b"x")
    bob = as_token(cast.bob)
    for asked, expected in (
        (step(bob, "create", root, path="a"), (403, "may_not_log_run")),
        (step(client, "create", root, path="folder"), (409, "artifact_path_taken")),
        (step(client, "create", f"{root}/../..", path="a"), (400, None)),
        (step(client, "create", f"9{root}", path="a"), (404, "artifact_unknown")),
    ):
        status, body = answer(asked)
        assert status == expected[0], body
        assert expected[1] in (None, body["code"])
    assert not (settings.ATTESTRY_ARTIFACT_ROOT / "parts").exists()


def test_run_that_is_archived_meanwhile_takes_no_part_and_no_file(
    client, root, run, cast
):
    upload = begun(client, root)
    named = all_sent(upload, b"abcde", b"fghij")
    archive_run(run, actor=cast.alice)
    for refused in (
        sent(upload["credentials"][0], b"abcde"),
        completed(client, root, upload, named),
    ):
        status, body = answer(refused)
        assert (status, body["code"]) == (400, "run_archived")
    assert not Artifact.objects.exists()


@pytest.mark.parametrize(
    "upload_id", ["", "..", "a", "0" * 64, "0" * 63 + "/", "../" * 20, "\u0660" * 64]
)
def test_upload_that_nobody_began_is_unknown(client, root, upload_id, settings):
    settings.ATTESTRY_ARTIFACT_ROOT.mkdir(exist_ok=True)
    kept = settings.ATTESTRY_ARTIFACT_ROOT / "kept"
    kept.write_bytes(b"kept")
    folder = {"path": "a", "upload_id": upload_id}
    assert answer(step(client, "complete", root, parts=[], **folder)) == UNKNOWN
    aborted = step(client, "abort", root, **folder)
    assert aborted.status_code in {200, 404}
    assert kept.read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("number", "code"), [(0, 400), (10_001, 400), ("9" * 400, 400), (-1, 404)]
)
def test_number_of_a_part_is_bounded(client, root, number, code):
    upload = begun(client, root)
    url = f"{API}/mpu/parts/{upload['upload_id']}/{number}/{root}"
    assert client.put(url, b"x").status_code == code


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"path": ""},
        {"path": 5},
        {"path": "a\0b"},
        {"path": "/"},
        {"path": ".."},
        {"path": "a#b"},
        {"path": "a", "num_parts": -1},
        {"path": "a", "num_parts": 10_001},
        {"path": "a", "num_parts": 2**70},
        {"path": "a", "num_parts": "many"},
        {"path": "x" * 2000},
    ],
)
def test_bad_beginning_is_refused(client, root, message, settings):
    status, body = answer(step(client, "create", root, **message))
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert not (settings.ATTESTRY_ARTIFACT_ROOT / "parts").exists()


@pytest.mark.parametrize(
    "etag", ["", "abc", None, 5, "../../x", '"' + "0" * 65, "G" * 64]
)
def test_bad_etag_is_refused(client, root, run, etag):
    upload = begun(client, root, num_parts=1)
    all_sent(upload, CONTENT)
    named = [{"part_number": 1, "etag": etag}]
    status, body = answer(completed(client, root, upload, named))
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert not run.artifacts.exists()


# Downloads


@pytest.fixture
def stored(client, root):
    """The address of a file with a name that has to be quoted."""
    url = f"{API}/artifacts/{root}/d/wei%20ghts%3F.bin"
    client.put(url, CONTENT)
    return url


def ranged(client, url, asked, **headers):
    response = client.get(url, headers={"Range": asked, **headers})
    return (
        response.status_code,
        response.getvalue(),
        response.get("Content-Range"),
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-3", (206, b"abcd", "bytes 0-3/10")),
        ("bytes=4-4", (206, b"e", "bytes 4-4/10")),
        ("bytes=8-", (206, b"ij", "bytes 8-9/10")),
        ("bytes=8-99", (206, b"ij", "bytes 8-9/10")),
        ("bytes=-3", (206, b"hij", "bytes 7-9/10")),
        ("bytes=-99", (206, CONTENT, "bytes 0-9/10")),
        ("bytes=0-3,5-6", (200, CONTENT, None)),
        ("bytes=5-2", (200, CONTENT, None)),
        ("bytes=-", (200, CONTENT, None)),
        ("bytes=x", (200, CONTENT, None)),
        ("rows=0-3", (200, CONTENT, None)),
        ("bytes=" + "9" * 5000 + "-", (200, CONTENT, None)),
    ],
)
def test_range_of_a_file(client, stored, asked, expected):
    assert ranged(client, stored, asked) == expected


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_range_behind_the_end_is_not_there(client, stored, asked):
    response = client.get(stored, headers={"Range": asked})
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */10")
    assert response.json() == {
        "error_code": "INVALID_PARAMETER_VALUE",
        "message": "The file has 10 bytes, and the range begins behind them: ask for one "
        "within the file.",
    }


def test_presigned_address_gives_ranges_without_a_token(client, root, stored):
    signed = client.get(f"{API}/presigned/{root}/d/wei%20ghts%3F.bin").json()
    assert signed["file_size"] == 10
    got = [
        ranged(Client(), signed["url"], asked, **signed["headers"])[1]
        for asked in ("bytes=0-4", "bytes=5-9")
    ]
    assert got == [b"abcde", b"fghij"]
    assert Client().get(signed["url"]).status_code == 401


def test_presigned_address_stays_with_its_file(client, root, stored):
    signed = client.get(f"{API}/presigned/{root}/d/wei%20ghts%3F.bin").json()
    client.put(stored, b"0123456789")
    got = ranged(Client(), signed["url"], "bytes=5-9", **signed["headers"])
    assert got == (206, b"fghij", "bytes 5-9/10")


def test_file_that_was_removed_is_not_given(client, root, stored):
    signed = client.get(f"{API}/presigned/{root}/d/wei%20ghts%3F.bin").json()
    client.delete(stored)
    status, body = answer(Client().get(signed["url"], headers=signed["headers"]))
    assert (status, body["code"]) == (404, "artifact_unknown")
    missing = client.get(f"{API}/presigned/{root}/d/wei%20ghts%3F.bin")
    assert answer(missing)[1]["code"] == "artifact_unknown"


def test_presigned_address_is_not_for_those_who_do_not_see_the_run(
    as_token, cast, root, stored
):
    mallory = as_token(cast.mallory)
    refused = mallory.get(f"{API}/presigned/{root}/d/wei%20ghts%3F.bin")
    assert refused.status_code == 404
