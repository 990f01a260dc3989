"""A backup that is brought back is not signed, and an old checkpoint tells on it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from audit.errors import ConflictError
from audit.models import Head
from audit.sequencer import sequence_pending
from audit.storage.guard import path_of, write_guard
from audit.tlog.verify import main as verify
from tests.audit.happenings import note


@pytest.fixture
def restore(real_commits, monkeypatch, tmp_path: Path) -> Callable[[], None]:
    """Return a function that brings back the database as it is now."""
    if connection.vendor != "sqlite":
        pytest.skip("the refusals are the same; a copy of a file is a plain backup")
    monkeypatch.setattr(settings, "ATTESTRY_LOG_SEQUENCER", "own-process")
    sequence_pending()
    backup = tmp_path / "backup.sqlite3"
    name = connection.settings_dict["NAME"]
    with closing(sqlite3.connect(backup)) as target:
        connection.connection.backup(target)

    def bring_back() -> None:
        connection.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{name}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(backup, name)

    return bring_back


def record(count: int) -> None:
    with transaction.atomic():
        for number in range(count):
            note(number)


def refusal() -> str:
    with pytest.raises(ConflictError) as refused:
        sequence_pending()
    return refused.value.code


def test_backup_is_refused_by_the_guard_and_found_out_without_it(restore, tmp_path):
    record(5)
    sequence_pending()
    published = Path(settings.ATTESTRY_LOG_PUBLISH_TO)
    old = tmp_path / "old-checkpoint"
    shutil.copyfile(published / "checkpoint", old)

    restore()
    assert refusal() == "log_shrank"
    record(9)
    assert refusal() == "log_rewritten"

    # Whoever has the key as well can remove the guard and publish elsewhere.
    head = Head.objects.current()
    path_of(head).unlink()
    write_guard(head, head.size, bytes(head.root))
    assert refusal() == "published_log_disagrees"
    shutil.rmtree(published)
    sequence_pending()
    key = ["--key", str(published / "key")]
    assert verify(["log", str(published), *key]) == 0
    assert verify(["log", str(published), *key, "--old", str(old)]) == 1
