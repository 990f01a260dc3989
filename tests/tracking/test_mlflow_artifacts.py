"""Artifacts over MLflow's API: upload, list, download, and what is not kept."""

import hashlib
import io
from urllib.parse import quote

import pytest
from django.test import Client

from audit.errors import ConflictError
from tests import factories
from tests.tracking.refusals import conflict, invalid, unknown, unknown_run
from tracking import storage
from tracking.models import Artifact
from tracking.models.artifact import files_at
from tracking.services.artifacts import remove_artifacts

FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def client(as_token, cast):
    return as_token(cast.alice)


@pytest.fixture
def place(run):
    """The URL of the run's artifacts."""
    return f"{FILES}/{run.experiment_id}/{run.run_id}/artifacts"


def answer(response):
    return response.status_code, response.json()


def kept_files(settings):
    root = settings.ATTESTRY_ARTIFACT_ROOT
    return [path for path in root.rglob("*") if path.is_file()]


def test_uploaded_file_is_stored_by_its_digest_with_one_entry(
    client, place, run, log, settings
):
    log()
    assert answer(client.put(f"{place}/model/model.onnx", b"weights")) == (200, {})

    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert kept_files(settings) == [
        settings.ATTESTRY_ARTIFACT_ROOT / sha256[:2] / sha256
    ]
    artifact = Artifact.objects.get()
    assert (artifact.path, artifact.sha256, artifact.size_bytes) == (
        "model/model.onnx",
        sha256,
        7,
    )
    assert log() == [
        (
            "tracking.artifact.uploaded",
            run.subject,
            {"path": "model/model.onnx", "sha256": sha256, "size_bytes": 7},
        )
    ]


def test_download_gives_the_bytes_and_is_never_run_by_a_browser(client, place):
    client.put(f"{place}/page.html", b"<script>alert(1)</script>")
    response = client.get(f"{place}/page.html")
    assert response.status_code == 200
    assert response.getvalue() == b"<script>alert(1)</script>"
    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Length"] == "25"


def test_listing_shows_what_stands_directly_below(client, place, run):
    for path in ("a.txt", "model/model.onnx", "model/deep/er.txt", "models.txt"):
        client.put(f"{place}/{path}", b"1234")
    root = f"{run.experiment_id}/{run.run_id}/artifacts"

    def listed(folder):
        return answer(client.get(FILES, {"path": folder}))

    assert listed(root) == (
        200,
        {
            "files": [
                {"path": "a.txt", "is_dir": False, "file_size": 4},
                {"path": "model", "is_dir": True},
                {"path": "models.txt", "is_dir": False, "file_size": 4},
            ]
        },
    )
    assert listed(f"{root}/model/") == (
        200,
        {
            "files": [
                {"path": "deep", "is_dir": True},
                {"path": "model.onnx", "is_dir": False, "file_size": 4},
            ]
        },
    )
    assert listed(f"{root}/nothing") == (200, {})
    assert listed(f"{root}/a.txt") == (200, {})


def test_second_upload_of_a_path_keeps_both_and_shows_the_newer(
    client, place, run, settings
):
    client.put(f"{place}/a.txt", b"old")
    client.put(f"{place}/a.txt", b"newer")
    assert client.get(f"{place}/a.txt").getvalue() == b"newer"
    listed = client.get(
        FILES, {"path": f"{run.experiment_id}/{run.run_id}/artifacts"}
    ).json()
    assert listed == {"files": [{"path": "a.txt", "is_dir": False, "file_size": 5}]}
    assert Artifact.objects.count() == 2
    assert len(kept_files(settings)) == 2


def test_same_content_at_two_paths_is_stored_once(client, place, settings):
    client.put(f"{place}/a.txt", b"same")
    client.put(f"{place}/b.txt", b"same")
    assert Artifact.objects.count() == 2
    assert len(kept_files(settings)) == 1


def test_empty_file_is_a_file(client, place):
    assert answer(client.put(f"{place}/empty", b"")) == (200, {})
    assert client.get(f"{place}/empty").getvalue() == b""


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("../escape", "../escape"),
        ("a/../../escape", "a/../../escape"),
        ("a/../b", "a/../b"),
        ("./a", "./a"),
        ("..", ".."),
        (".", "."),
        ("/etc/passwd", "/etc/passwd"),
        ("a//b", "a//b"),
        ("a\\b", "a\\b"),
        ("..\\..\\escape", "..\\..\\escape"),
        ("%2e%2e/escape", "../escape"),
        ("..%2fescape", "../escape"),
        ("%2fetc%2fpasswd", "/etc/passwd"),
        ("a%5cb", "a\\b"),
        ("tab%09ulator", "tab\tulator"),
        ("", ""),
        ("x" * 1001, "x" * 100),
        # MLflow's client decodes what a list names, and then refuses the whole list.
        ("%252e%252e/x", "%2e%2e/x"),
        ("a/%25252e%25252e", "a/%252e%252e"),
        ("a%23b", "a#b"),
        ("a%2523b", "a%23b"),
        ("%252fetc", "%2fetc"),
        ("C:%255cx", "C:%5cx"),
        ("file:%252fx", "file:%2fx"),
    ],
)
def test_path_that_is_not_plainly_below_the_run_is_refused(
    client, place, log, settings, path, named
):
    log()
    assert answer(client.put(f"{place}/{path}", b"evil")) == invalid(
        "artifact_path_invalid",
        f"Invalid path: {named!r} is not a plain relative path. Use names joined by "
        f"'/', without '..', '#' or backslashes.",
    )
    assert not Artifact.objects.exists()
    assert log() == []
    assert not settings.ATTESTRY_ARTIFACT_ROOT.exists()


@pytest.mark.parametrize("second", ["d", "f/y", "f/y/z"])
def test_name_is_either_a_file_or_a_folder(client, place, run, log, settings, second):
    for path in ("d/x", "f"):
        assert answer(client.put(f"{place}/{path}", b"1")) == (200, {})
    log()
    kept = kept_files(settings)
    first = "d/x" if second == "d" else "f"
    assert answer(client.put(f"{place}/{second}", b"2")) == conflict(
        "artifact_path_taken",
        f"The path {second!r} cannot be a file beside {first!r}: no name is a file and a "
        f"folder. Use another path, or remove that file first.",
    )
    assert [file.path for file in run.artifacts.current()] == ["d/x", "f"]
    assert log() == []
    assert kept_files(settings) == kept
    assert answer(client.delete(f"{place}/{first}")) == (200, {})
    assert answer(client.put(f"{place}/{second}", b"2")) == (200, {})


@pytest.mark.parametrize("path", ["..", "d/..", "%2e%2e", "d/%252e%252e", "a%23b"])
def test_nothing_is_listed_or_read_at_a_path_that_leaves_the_run(
    client, place, run, path
):
    client.put(f"{place}/d/x", b"1")
    root = f"{run.experiment_id}/{run.run_id}/artifacts"
    api, named = "/api/2.0/mlflow/artifacts/list", {"run_id": run.run_id}
    for response in (
        client.get(FILES, {"path": f"{root}/{path}"}),
        client.get(api, {**named, "path": path}),
        client.get("/get-artifact", {**named, "path": path}),
        client.get(f"{place}/{quote(path)}"),
    ):
        status, body = answer(response)
        assert (status, body["code"]) == (400, "artifact_path_invalid")
        assert body["error_code"] == "INVALID_PARAMETER_VALUE"


def test_removing_what_is_not_there_changes_nothing(client, place, run, log):
    log()
    assert answer(client.delete(f"{place}/missing.txt")) == (200, {})
    assert log() == []


@pytest.mark.parametrize("path", ["missing.txt", "a", "%00"])
def test_download_of_what_is_not_there_is_not_found(client, place, path):
    client.put(f"{place}/a/b.txt", b"1")
    status, body = answer(client.get(f"{place}/{path}"))
    assert (status, body["code"]) == (404, "artifact_unknown")


def test_missing_artifact_is_named(client, place, run):
    assert answer(client.get(f"{place}/missing.txt")) == unknown(
        "artifact_unknown",
        f"The run {run.run_id} has no artifact 'missing.txt': upload it first.",
    )


@pytest.mark.parametrize(
    "path", ["", "1", "x/y/artifacts", "{experiment}/{run}", "0/{run}/artifacts/a"]
)
def test_path_outside_the_artifacts_of_a_run_is_not_found(client, run, path):
    path = path.format(experiment=run.experiment_id, run=run.run_id)
    status, body = answer(client.get(FILES, {"path": path}))
    assert status == 404
    assert body["code"] in {"artifact_unknown", "run_unknown"}


def test_unknown_run_keeps_nothing(client, run, settings):
    path = f"{FILES}/{run.experiment_id}/{'0' * 32}/artifacts/a.txt"
    assert answer(client.put(path, b"lost")) == unknown_run("0" * 32)
    assert kept_files(settings) == []


def test_truncated_upload_is_refused_and_keeps_nothing(
    client, place, run, log, settings
):
    log()
    response = client.put(
        f"{place}/model.onnx",
        **{"wsgi.input": io.BytesIO(b"half"), "CONTENT_LENGTH": "8"},
    )
    assert answer(response) == invalid(
        "upload_truncated",
        "4 of 8 bytes arrived. Nothing was kept: upload the file again.",
    )
    assert not run.artifacts.exists()
    assert kept_files(settings) == []
    assert log() == []


def test_upload_in_chunks_is_stored_whole(client, place):
    response = client.put(
        f"{place}/model.onnx",
        **{
            "wsgi.input": io.BytesIO(b"chunked"),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "",
        },
    )
    assert answer(response) == (200, {})
    assert client.get(f"{place}/model.onnx").getvalue() == b"chunked"


def test_upload_above_the_limit_is_refused_and_keeps_nothing(
    client, place, run, log, settings
):
    settings.ATTESTRY_ARTIFACT_MAX_BYTES = 10
    log()
    assert answer(client.put(f"{place}/big", b"x" * 11)) == invalid(
        "artifact_too_large",
        "An artifact may have 10 bytes. Upload a smaller file, or ask for a larger "
        "limit (ATTESTRY_ARTIFACT_MAX_BYTES).",
    )
    assert not run.artifacts.exists()
    assert kept_files(settings) == []
    assert log() == []
    assert answer(client.put(f"{place}/fits", b"x" * 10)) == (200, {})


def test_validator_downloads_and_does_not_upload(as_token, cast, client, place):
    client.put(f"{place}/a.txt", b"seen")
    bob = as_token(cast.bob)
    assert bob.get(f"{place}/a.txt").getvalue() == b"seen"
    status, body = answer(bob.put(f"{place}/b.txt", b"no"))
    assert (status, body["code"]) == (403, "may_not_log_run")


def test_file_that_is_gone_from_the_store_is_named(client, place, run):
    client.put(f"{place}/a.txt", b"gone")
    sha256 = Artifact.objects.get().sha256
    storage.path_of(sha256).unlink()
    assert answer(client.get(f"{place}/a.txt")) == conflict(
        "artifact_missing",
        f"The stored file sha256:{sha256} is gone. Restore it from the backup of the "
        f"artifact store.",
    )


def test_file_that_was_altered_on_disk_is_never_read_as_evidence(client, place):
    client.put(f"{place}/a.txt", b"honest")
    sha256 = Artifact.objects.get().sha256
    path = storage.path_of(sha256)
    path.chmod(0o644)
    path.write_bytes(b"forged")

    for read in (storage.read_verified, storage.verify):
        with pytest.raises(ConflictError) as refusal:
            read(sha256)
        assert refusal.value.code == "artifact_altered"


def test_stored_file_is_read_only(client, place):
    client.put(f"{place}/a.txt", b"kept")
    path = storage.path_of(Artifact.objects.get().sha256)
    assert path.stat().st_mode & 0o777 == 0o444


def test_removed_file_is_no_longer_listed_and_is_kept(
    client, place, run, log, settings
):
    for path in ("d/a.txt", "d/b.txt", "dd.txt"):
        client.put(f"{place}/{path}", path.encode())
    log()
    assert answer(client.delete(f"{place}/d")) == (200, {})
    assert [(kind, body["path"], body["files"]) for kind, _, body in log()] == [
        ("tracking.artifact.removed", "d", 2)
    ]
    assert [file.path for file in run.artifacts.current()] == ["dd.txt"]
    assert len(kept_files(settings)) == 3
    assert answer(client.delete(f"{place}/d")) == (200, {})
    assert log() == []
    client.put(f"{place}/d/a.txt", b"again")
    assert client.get(f"{place}/d/a.txt").getvalue() == b"again"


def test_pages_list_upload_and_fetch_files_of_a_run(client, run):
    api = "/ajax-api/2.0/mlflow"
    named = f"run_uuid={run.run_id}&path=d/a.txt"
    assert answer(
        client.post(f"{api}/upload-artifact?{named}", b"1", "text/plain")
    ) == (200, {})
    listed = client.get(f"{api}/artifacts/list", {"run_id": run.run_id, "path": "d"})
    assert answer(listed) == (
        200,
        {
            "root_uri": run.artifact_uri,
            "files": [{"path": "d/a.txt", "is_dir": False, "file_size": 1}],
        },
    )
    fetched = client.get("/get-artifact", {"run_id": run.run_id, "path": "d/a.txt"})
    assert fetched.getvalue() == b"1"
    missing = client.get("/get-artifact", {"run_id": run.run_id, "path": "none"})
    assert answer(missing)[1]["error_code"] == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("prefix", ["", "/w/default"])
def test_server_tells_about_itself_without_a_token(prefix):
    info = Client().get(f"{prefix}/api/3.0/mlflow/server-info").json()
    assert info["store_type"] == "SqlStore"
    assert Client().get(f"{prefix}/version").content == b"3.17.2"
    assert Client().get(f"{prefix}/health").content == b"OK"


@pytest.mark.parametrize("of_model", [False, True])
def test_files_of_a_version_are_those_that_the_orm_finds(workspace, cast, of_model):
    run = factories.run(workspace, cast.alice)
    model = factories.logged_model(run, cast.alice, is_ready=False)
    holder = model if of_model else run
    for path in ("a/b.txt", "a/c.txt", "a.txt", "ab/d.txt", "A/e.txt", "a_/f.txt"):
        factories.upload(holder, path, path.encode(), cast.alice)
    factories.upload(holder, "a/b.txt", b"again", cast.alice)
    remove_artifacts(holder, path="a/c.txt", actor=cast.alice)
    factories.upload(
        factories.run(workspace, cast.alice), "a/b.txt", b"other", cast.alice
    )

    for path in ("", "a", "a/b.txt", "a.txt", "A", "a_", "missing", "b.txt"):
        current = holder.artifacts.current()
        wanted = list(current.at_or_below(path) if path else current)
        found = list(files_at(holder, path))

        assert found == wanted
        assert [file.sha256 for file in found] == [file.sha256 for file in wanted]
    assert files_at(holder, "a/b.txt")[0].sha256 == hashlib.sha256(b"again").hexdigest()
