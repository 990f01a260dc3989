"""Paths that try to leave a run, at every door of MLflow's artifact API."""

import unicodedata
from urllib.parse import quote

import pytest

from tests import factories
from tests.tracking.refusals import invalid
from tracking.models import Artifact

pytestmark = pytest.mark.any_database

FILES = "/api/2.0/mlflow-artifacts/artifacts"
PRESIGNED = "/api/2.0/mlflow-artifacts/presigned"
API = "/api/2.0/mlflow"
SECRET = b"not for the API"
PATHS = {
    "up": "../secret",
    "far up": "../" * 20 + "etc/passwd",
    "up in the middle": "a/../../secret",
    "up and back": "a/../a/b.txt",
    "absolute": "/etc/passwd",
    "twice absolute": "//etc/passwd",
    "encoded": "%2e%2e/secret",
    "encoded twice": "%252e%252e%252fsecret",
    "backslashes": "..\\secret",
    "empty name": "a//b.txt",
    "dot": "./a/b.txt",
    "dot at the end": "a/b.txt/.",
    "NUL": "a\0b",
    "NUL at the end": "a/b.txt\0.png",
    "line break": "a\r\nX-Header: 1",
    "drive": "C:\\secret",
    "address": "file:///etc/passwd",
    "other digest": "../" * 3 + "0" * 64,
    "wildcards": "%/_",
    "deep": "d/" * 40_000 + "d",
    "no UTF-8": b"\xff\xfe",
    "half of a pair": b"\xed\xa0\x80",
}
# A file may have such a name.
MERELY_ODD = {"wildcards", "no UTF-8", "half of a pair"}
DOORS = (
    "list",
    "get",
    "presign",
    "delete",
    "page list",
    "page get",
    "model list",
    "model get",
)


@pytest.fixture
def client(as_token, cast):
    return as_token(cast.alice)


@pytest.fixture
def model(run, cast):
    return factories.logged_model(run, cast.alice)


@pytest.fixture
def place(run):
    return f"{FILES}/{run.experiment_id}/{run.run_id}/artifacts"


def through(client, run, model, door, path):
    """Ask for a path through a door; %-encoding is undone by the server."""
    root = f"{run.experiment_id}/{run.run_id}/artifacts/"
    sent, of_model = quote(path, safe="/"), f"{API}/logged-models/{model.model_id}"
    method, url, query = {
        "list": ("GET", FILES, f"path={root}{sent}"),
        "get": ("GET", f"{FILES}/{root}{sent}", ""),
        "presign": ("GET", f"{PRESIGNED}/{root}{sent}", ""),
        "delete": ("DELETE", f"{FILES}/{root}{sent}", ""),
        "page list": (
            "GET",
            f"{API}/artifacts/list",
            f"run_id={run.run_id}&path={sent}",
        ),
        "page get": ("GET", "/get-artifact", f"run_id={run.run_id}&path={sent}"),
        "model list": (
            *("GET", f"{of_model}/artifacts/directories"),
            f"artifact_directory_path={sent}",
        ),
        "model get": (
            *("GET", f"{of_model}/artifacts/files"),
            f"artifact_file_path={sent}",
        ),
    }[door]
    return client.generic(method, url, QUERY_STRING=query)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_path_that_nobody_uploaded_reaches_nothing(
    client, run, model, place, log, settings, path, door
):
    client.put(f"{place}/a/b.txt", b"here")
    root = settings.ATTESTRY_ARTIFACT_ROOT
    (root.parent / "secret").write_bytes(SECRET)
    files = sorted(root.rglob("*"))
    log()

    response = through(client, run, model, door, path)

    content = response.getvalue()
    assert SECRET not in content
    assert b"root:" not in content
    if response.status_code == 200:
        assert door.endswith("list") or door == "delete"  # of nothing
        assert b'"files"' not in content
    else:
        assert response.status_code in {400, 404}
        assert response.json()["message"].endswith(".")
        assert len(response.json()["message"]) < 5000
    assert log() == []
    assert sorted(root.rglob("*")) == files
    assert (root.parent / "secret").read_bytes() == SECRET


@pytest.mark.parametrize("name", sorted(PATHS.keys() - MERELY_ODD))
def test_parts_are_taken_for_no_such_path(client, run, log, settings, name):
    root = f"{run.experiment_id}/{run.run_id}/artifacts"
    sent = quote(str(PATHS[name]), safe="/")
    log()
    for step in ("create", "complete", "abort"):
        response = client.post(
            f"/api/2.0/mlflow-artifacts/mpu/{step}/{root}/{sent}",
            {"path": "model.bin", "upload_id": "0" * 64, "parts": []},
            "application/json",
        )
        if step == "abort" and response.status_code == 200:
            continue  # of nothing
        assert response.status_code in {400, 404}
        assert response.json()["message"].endswith(".")
    assert log() == []
    assert not settings.ATTESTRY_ARTIFACT_ROOT.exists()


def test_folder_may_be_three_hundred_levels_deep(client, place, run):
    path = "d/" * 300 + "leaf.txt"
    assert client.put(f"{place}/{path}", b"deep").status_code == 200
    assert client.get(f"{place}/{path}").getvalue() == b"deep"
    root = f"{run.experiment_id}/{run.run_id}/artifacts"
    for levels in (0, 1, 299):
        listed = client.get(FILES, {"path": f"{root}/{'d/' * levels}"}).json()
        assert listed == {"files": [{"path": "d", "is_dir": True}]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
        ("a", "A"),
        ("a", "a."),
        ("a", " a"),
        ("a", "a "),
        ("ﬁ", "fi"),
        ("100%", "100%25"),
        ("x_z", "x%z"),
    ],
)
def test_names_that_look_alike_are_two_files(client, place, run, one, other):
    for name, content in ((one, b"one"), (other, b"other")):
        client.put(f"{place}/{quote(name)}/file", content)
    for name, content in ((one, b"one"), (other, b"other")):
        assert client.get(f"{place}/{quote(name)}/file").getvalue() == content
        root = f"{run.experiment_id}/{run.run_id}/artifacts"
        listed = client.get(FILES, {"path": f"{root}/{name}"}).json()
        assert [file["path"] for file in listed["files"]] == ["file"]
    assert client.delete(f"{place}/{quote(one)}").status_code == 200
    assert client.get(f"{place}/{quote(other)}/file").getvalue() == b"other"


@pytest.mark.parametrize(
    "name",
    [
        "\U00020000" * 1000,
        "data:text/html;,x",
        "data:€,x",
        "http:[",
        'quote".txt',
        "semi;colon",
        "?&=+",
        "-rf",
        "CON",
        ".hidden",
        "...",
        "e\u0301" * 400,
    ],
)
def test_odd_name_is_kept_and_never_becomes_a_header(client, place, name):
    assert client.put(f"{place}/{quote(name)}", b"odd").status_code == 200
    assert Artifact.objects.get().path == name
    response = client.get(f"{place}/{quote(name)}")
    assert response.getvalue() == b"odd"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("url", ["/get-artifact", FILES, f"{API}/artifacts/list"])
def test_query_of_too_many_values_is_refused(client, run, url):
    query = f"run_id={run.run_id}&" + "a=1&" * 1000
    response = client.get(url, QUERY_STRING=query)
    assert (response.status_code, response.json()) == invalid(
        "query_too_long",
        "The query has more than 1000 values: ask for less at once.",
    )


def test_upload_that_claims_too_much_is_refused_before_it_is_read(
    client, place, settings
):
    settings.ATTESTRY_ARTIFACT_MAX_BYTES = 10
    response = client.put(f"{place}/big", b"small", CONTENT_LENGTH="11")
    assert (response.status_code, response.json()) == invalid(
        "artifact_too_large",
        "An artifact may have 10 bytes. Upload a smaller file, or ask for a larger "
        "limit (ATTESTRY_ARTIFACT_MAX_BYTES).",
    )
    assert not settings.ATTESTRY_ARTIFACT_ROOT.exists()


def test_removing_a_folder_leaves_the_one_in_capitals(client, place, run):
    for folder in ("model", "Model"):
        client.put(f"{place}/{folder}/weights", b"1")
    client.delete(f"{place}/model")
    assert [file.path for file in run.artifacts.current()] == ["Model/weights"]


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "0x10", "9" * 400, "3, 3", ""])
def test_length_that_is_no_number_stores_what_came_or_nothing(
    client, place, log, settings, length
):
    log()
    response = client.put(f"{place}/a.txt", b"abc", CONTENT_LENGTH=length)
    assert response.status_code in {200, 400}
    if response.status_code == 200:
        (artifact,) = Artifact.objects.all()
        assert artifact.size_bytes in {0, 3}
    else:
        assert not Artifact.objects.exists()
        assert log() == []
        left = settings.ATTESTRY_ARTIFACT_ROOT.rglob("*")
        assert [path for path in left if path.is_file()] == []
