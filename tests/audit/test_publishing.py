"""The published folder: anybody's verifier accepts it, and nothing in it is overwritten."""

import pytest
from django.conf import settings

from audit.errors import ConflictError
from audit.models import Head
from audit.proofs import verify_log
from audit.sequencer import sequence_pending
from audit.storage.durable_files import write_durably
from audit.tlog.checkpoint import Checkpoint, parse_checkpoint
from audit.tlog.keys import PrivateKey
from audit.tlog.tiles import bundles_of, tiles_of
from audit.tlog.verify import main
from tests.audit.happenings import note

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder():
    for number in range(3):
        note(number)
    sequence_pending()
    return settings.ATTESTRY_LOG_PUBLISH_TO


def published_size(folder) -> int:
    return parse_checkpoint((folder / "checkpoint").read_bytes()).size


def grow_refused() -> str:
    note(9)
    with pytest.raises(ConflictError) as refused:
        sequence_pending()
    return refused.value.code


def test_stand_alone_verifier_accepts_what_is_published(folder, capsys):
    size = Head.objects.get().size
    assert main(["log", str(folder), "--key", str(folder / "key")]) == 0
    assert f"size {size}," in capsys.readouterr().out


def test_log_published_at_every_size_contains_every_earlier_checkpoint(
    folder, tmp_path
):
    old = []
    for number in range(300):
        note(number)
        if number % 7 == 0:
            sequence_pending()
            copy = tmp_path / f"old-{number}"
            copy.write_bytes((folder / "checkpoint").read_bytes())
            old += ["--old", str(copy)]
    sequence_pending()

    assert main(["log", str(folder), "--key", str(folder / "key"), *old]) == 0
    assert verify_log().faults == ()
    # Full files have replaced their partial forms.
    assert not (folder / "tile" / "entries" / "000.p").exists()


def test_every_file_of_the_newest_size_is_there(folder):
    size = Head.objects.get().size
    paths = [r.path for r in bundles_of(size)] + [r.path for r in tiles_of(size)]
    assert [path for path in paths if not (folder / path).is_file()] == []


@pytest.mark.parametrize("kind", ["tile/entries", "tile/0"])
def test_published_file_that_differs_is_left_alone_and_stops_publishing(folder, kind):
    size = published_size(folder)
    planted = folder / f"{kind}/000.p/{size + 1}"
    write_durably(planted, b"something else")

    assert grow_refused() == "published_file_differs"
    assert planted.read_bytes() == b"something else"
    assert published_size(folder) == size


def test_tampered_published_entry_is_named_with_its_index(folder):
    size = published_size(folder)
    path = folder / f"tile/entries/000.p/{size}"
    path.write_bytes(path.read_bytes().replace(b'"number":1}', b'"number":7}'))

    (fault,) = verify_log().faults
    assert fault.index == size - 2
    assert "does not hash to its leaf" in fault.sentence


def test_folder_of_another_origin_is_not_published_to(folder):
    other = PrivateKey("other.example/log", bytes(32))
    write_durably(
        folder / "checkpoint",
        Checkpoint("other.example/log", 1, bytes(32)).signed(other),
    )
    assert grow_refused() == "published_log_of_another_origin"


def test_published_checkpoint_with_a_broken_signature_stops_publishing(folder):
    path = folder / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\n1", 1))
    assert grow_refused() == "published_checkpoint_unreadable"


def test_missing_published_checkpoint_is_noticed_and_published_again(folder):
    (folder / "checkpoint").unlink()
    assert "is missing" in verify_log().faults[0].sentence

    sequence_pending()
    assert verify_log().faults == ()
