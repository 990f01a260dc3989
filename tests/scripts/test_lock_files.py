"""The lock files name every package once, by hash, and no machine's package index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "requirements-demo.lock", "requirements-test.lock"]
OLDEST_CLIENT = "requirements-oldest-client.lock"
LOCKED = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;]+)")
ADDRESS = re.compile(r"https?://|file://|--(extra-)?index|--find-links| @ ")


def _versions(lock: str) -> set[tuple[str, str]]:
    lines = (ROOT / lock).read_text().splitlines()
    return {(m["name"], m["version"]) for line in lines if (m := LOCKED.match(line))}


def _required(*groups: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    for group in groups:
        wanted += project["dependency-groups"][group]
    names = (re.split(r"[\[~=<>! ;]", requirement)[0] for requirement in wanted)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


@pytest.mark.parametrize(
    "lock",
    [*LOCKS, "requirements-build.lock", "requirements-mlflow.lock", OLDEST_CLIENT],
)
def test_lock_file_holds_no_address_and_hashes_every_package(lock):
    text = (ROOT / lock).read_text()
    assert ADDRESS.search(text) is None
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert [block for block in blocks if not LOCKED.match(block)] == []
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_smaller_lock_files_are_parts_of_the_larger_ones():
    runtime, demo, test = (_versions(lock) for lock in LOCKS)
    assert runtime < demo < test


@pytest.mark.parametrize(
    ("lock", "groups"),
    [(LOCKS[0], ()), (LOCKS[1], ("demo",)), (LOCKS[2], ("demo", "test"))],
)
def test_lock_file_covers_what_the_project_asks_for(lock, groups):
    assert _required(*groups) - {name for name, _ in _versions(lock)} == set()


def test_oldest_client_is_locked_at_the_release_that_the_project_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [wanted] = project["dependency-groups"]["oldest-client"]
    assert tuple(wanted.split("==")) in _versions(OLDEST_CLIENT)
