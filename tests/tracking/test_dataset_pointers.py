"""Pointers of DVC: what they name, what becomes of it in a run, and broken ones."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.models import Event
from tests import factories
from tracking.dataset_pointers import (
    LARGEST_POINTER_BYTES,
    MOST_DATASETS,
    DatasetPointer,
    datasets_in,
    is_pointer,
)
from tracking.models import Artifact, Dataset, DatasetInput

MD5 = "22e1a1a2bd2a4f8f9c3d6f0a0c5f1e7b"
OTHER = "c157a79031e1c40f85931829bc5fc552"

DVC_FILE = f"""\
outs:
- md5: {MD5}.dir
  size: 14445097
  nfiles: 2
  hash: md5
  path: data/raw
  remote: store
"""
DVC_LOCK = f"""\
schema: '2.0'
stages:
  prepare:
    cmd: python prepare.py
    deps:
    - path: data/raw
      hash: md5
      md5: {MD5}.dir
      size: 14445097
      nfiles: 2
    - path: prepare.py
      hash: md5
      md5: f09ea0c15980b43010257ccb9f0055e2
      size: 1576
    params:
      params.yaml:
        prepare.seed: 20170428
    outs:
    - path: data/prepared.csv
      hash: md5
      md5: {OTHER}
      size: 8437
  train:
    cmd: python train.py
    deps:
    - path: data/prepared.csv
      hash: md5
      md5: {OTHER}
      size: 8437
"""


def source(**fields):
    return json.dumps(fields)


RAW_SOURCE = source(path="data/raw", md5=f"{MD5}.dir", size=14445097, nfiles=2)


def test_dvc_file_points_to_what_is_out():
    assert datasets_in("raw.dvc", DVC_FILE.encode()) == (
        DatasetPointer(
            name="data/raw",
            digest=f"{MD5}.dir",
            source_type="dvc",
            source=source(
                path="data/raw",
                md5=f"{MD5}.dir",
                size=14445097,
                nfiles=2,
                remote="store",
            ),
            context="",
        ),
    )


def test_lock_file_tells_what_was_used_and_what_was_made_and_leaves_code_out():
    assert datasets_in("pipeline/dvc.lock", DVC_LOCK.encode()) == (
        DatasetPointer("data/raw", f"{MD5}.dir", "dvc", RAW_SOURCE, ""),
        DatasetPointer(
            "data/prepared.csv",
            OTHER,
            "dvc",
            source(path="data/prepared.csv", md5=OTHER, size=8437),
            "output",
        ),
    )


def test_lock_file_of_the_first_form_is_read_too():
    old = f"train:\n  cmd: x\n  outs:\n  - {{path: out.csv, md5: {MD5}}}\n"

    assert [found.name for found in datasets_in("dvc.lock", old.encode())] == [
        "out.csv"
    ]


def test_digest_of_digits_only_stays_text():
    digits = "1" * 32
    text = f"outs:\n- path: a\n  md5: {digits}\n"

    assert [found.digest for found in datasets_in("a.dvc", text.encode())] == [digits]


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("data.csv.dvc", True),
        ("folder/data.csv.dvc", True),
        ("dvc.lock", True),
        ("folder/dvc.lock", True),
        (".dvc", False),
        ("folder/.dvc", False),
        (".dvc/config", False),
        ("my-dvc.lock", False),
        ("data.csv", False),
        ("data.dvc.txt", False),
    ],
)
def test_pointer_is_known_by_its_name(path, is_one):
    assert is_pointer(path, 100) is is_one


def test_large_file_is_no_pointer():
    assert is_pointer("a.dvc", LARGEST_POINTER_BYTES)
    assert not is_pointer("a.dvc", LARGEST_POINTER_BYTES + 1)


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (to, to, b",".join([b"*%c" % of] * 9))
    for of, to in zip(b"abcdefgh", b"bcdefghi", strict=True)
)
ENTRY = f"path: data, md5: {MD5}"
BROKEN = {
    "empty": b"",
    "no text": b"\xff\xfe\x00",
    "binary": bytes(range(256)),
    "no mapping": b"- 1\n- 2\n",
    "only text": b"outs",
    "two documents": b"--- {}\n--- {}\n",
    "conflict markers": b"outs:\n<<<<<<< HEAD\n- md5: a\n=======\n",
    "tabs": b"outs:\n\t- md5: a\n",
    "unclosed": b"outs: [{path: a",
    "bomb": BOMB + b"outs: *i\n",
    "alias to itself": b"outs: &a [*a]\n",
    "alias": f"a: &a {{{ENTRY}}}\nouts: [*a]\n".encode(),
    "merged keys": f"a: &a {{{ENTRY}}}\nouts: [{{<<: *a}}]\n".encode(),
    "object": b"!!python/object/apply:os.system ['true']\n",
    "deep lists": b"[" * 500_000,
    "deep mappings": b"{a: " * 100_000,
    "deep blocks": b"- " * 400_000,
    "outs is text": b"outs: data\n",
    "outs is a mapping": f"outs: {{{ENTRY}}}\n".encode(),
    "out is text": b"outs: [data]\n",
    "key is a list": f"? [outs]\n: [{{{ENTRY}}}]\n".encode(),
    "no md5": b"outs: [{path: data}]\n",
    "no path": f"outs: [{{md5: {MD5}}}]\n".encode(),
    "md5 is a list": f"outs: [{{path: data, md5: [{MD5}]}}]\n".encode(),
    "md5 is short": b"outs: [{path: data, md5: abc}]\n",
    "md5 is long": f"outs: [{{path: data, md5: {MD5}{MD5}}}]\n".encode(),
    "md5 in capitals": f"outs: [{{path: data, md5: {MD5.upper()}}}]\n".encode(),
    "path is empty": f'outs: [{{path: "", md5: {MD5}}}]\n'.encode(),
    "path is long": f"outs: [{{path: {'a' * 501}, md5: {MD5}}}]\n".encode(),
    "path with NUL": f'outs: [{{path: "a\\0", md5: {MD5}}}]\n'.encode(),
    "path with a line break": f'outs: [{{path: "a\\n", md5: {MD5}}}]\n'.encode(),
    "path with half a character": (
        f'outs: [{{path: "\\ud800", md5: {MD5}}}]\n'.encode()
    ),
    "escape beyond all characters": b'outs: "\\UFFFFFFFF"\n',
    "version beyond all numbers": b"%YAML " + b"9" * 5000 + b".1\n---\nouts: []\n",
    "too many": b"outs:\n"
    + b"".join(
        b"- {path: f%d, md5: %s}\n" % (number, MD5.encode())
        for number in range(MOST_DATASETS + 1)
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pointer_names_nothing(name):
    content = BROKEN[name]

    assert datasets_in("data.dvc", content) == ()
    assert datasets_in("dvc.lock", content) == ()


@pytest.mark.parametrize(
    "stages",
    ["x", "[]", "{a: x}", "{a: {outs: x}}", "{a: {deps: [x]}}", "{a: [{outs: []}]}"],
)
def test_lock_file_of_another_shape_names_nothing(stages):
    text = f"schema: '2.0'\nstages: {stages}\n"

    assert datasets_in("dvc.lock", text.encode()) == ()


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(content):
    for path in ("data.dvc", "dvc.lock"):
        datasets_in(path, content)


@given(st.text(st.sampled_from("outspahmd5: -[]{}&*!|>'\"%\n\t?,01"), max_size=200))
def test_no_text_like_yaml_breaks_the_reader(text):
    for path in ("data.dvc", "dvc.lock"):
        datasets_in(path, text.encode())


def test_size_that_is_no_number_is_left_out():
    text = f"outs: [{{{ENTRY}, size: -1, nfiles: {'9' * 5000}, remote: [x]}}]\n"

    (found,) = datasets_in("data.dvc", text.encode())

    assert found.source == source(path="data", md5=MD5)


# In a run


def put(run, path, content, actor):
    return factories.upload(run, path, content, actor)


def uses(run):
    return [
        (use.dataset.name, use.dataset.digest, use.dataset.source_type, use.context)
        for use in run.dataset_inputs.order_by("pk")
    ]


def test_uploaded_pointer_becomes_an_input_of_the_run_with_an_entry(run, cast, log):
    log()

    put(run, "data/raw.dvc", DVC_FILE.encode(), cast.alice)

    assert uses(run) == [("data/raw", f"{MD5}.dir", "dvc", "")]
    entries = log()
    assert [(kind, subject) for kind, subject, _ in entries] == [
        ("tracking.artifact.uploaded", run.subject),
        ("tracking.run.inputs_logged", run.subject),
    ]
    assert entries[1][2]["datasets"] == [{"name": "data/raw", "digest": f"{MD5}.dir"}]
    dataset = Dataset.objects.get()
    assert (dataset.origin, dataset.version) == ("data/raw", f"{MD5}.dir")


def test_uploaded_lock_file_says_what_the_run_made(run, cast):
    put(run, "dvc.lock", DVC_LOCK.encode(), cast.alice)

    assert uses(run) == [
        ("data/raw", f"{MD5}.dir", "dvc", ""),
        ("data/prepared.csv", OTHER, "dvc", "output"),
    ]


def test_pointer_that_comes_by_the_api_is_recognised(run, cast, as_token):
    path = f"/api/2.0/mlflow-artifacts/artifacts/{run.experiment_id}/{run.run_id}"

    answered = as_token(cast.alice).put(f"{path}/artifacts/raw.dvc", DVC_FILE.encode())

    assert answered.status_code == 200
    assert uses(run) == [("data/raw", f"{MD5}.dir", "dvc", "")]


def test_pointer_uploaded_twice_is_one_use(run, cast):
    for _ in range(2):
        put(run, "raw.dvc", DVC_FILE.encode(), cast.alice)

    assert len(uses(run)) == 1
    assert Artifact.objects.count() == 2


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pointer_is_a_plain_artifact(run, cast, name):
    put(run, "data.dvc", BROKEN[name], cast.alice)

    assert Artifact.objects.get().size_bytes == len(BROKEN[name])
    assert uses(run) == []


def test_file_of_another_name_is_not_read(run, cast):
    put(run, "raw.dvc.txt", DVC_FILE.encode(), cast.alice)

    assert not DatasetInput.objects.exists()


def test_pointer_of_a_logged_model_is_a_plain_file(run, cast):
    model = factories.logged_model(run, cast.alice)

    put(model, "raw.dvc", DVC_FILE.encode(), cast.alice)

    assert not DatasetInput.objects.exists()


def test_longest_names_fit_into_entries(run, cast):
    content = b"outs:\n" + b"".join(
        b"- {path: '%s', md5: %s}\n"
        % (f"{number:04}{'🙂' * 496}".encode(), MD5.encode())
        for number in range(MOST_DATASETS)
    )

    put(run, "many.dvc", content, cast.alice)

    assert len(uses(run)) == MOST_DATASETS
    assert Event.objects.filter(kind="tracking.run.inputs_logged").count() == 10
