"""Any history of a log against a plain list: hypothesis drives, the list knows best.

The model is the list of bodies in the order in which they were recorded; roots come
from the recursion of RFC 6962, written out here.
"""

import hashlib
import os
import random
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from audit.errors import ConflictError
from audit.models import Entry, Event, Head, PrivateField
from audit.proofs import verify_log
from audit.proofs.inclusion import inclusion_proof
from audit.proofs.reading import entry_at
from audit.sequencer import publish, seal, sequence_pending
from audit.sequencer.integration import integrate_pending
from audit.services.log import retire_old_log_key, rotate_log_key
from audit.storage import keys
from audit.tlog.policy import Policy
from audit.tlog.proof import TlogProof
from audit.tlog.verify import main as verify
from tests.audit.happenings import note

EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "12"))
ACTS = st.lists(
    st.sampled_from(
        [
            "record",
            "record",
            "record many",
            "roll back",
            "integrate",
            "seal",
            "publish",
            "sequence",
            "rotate",
            "retire",
            "erase",
            "set back",
            "prove",
            "verify",
        ]
    ),
    min_size=8,
    max_size=30,
)


class History:
    """A log, and what a plain list says of it."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.bodies = _bodies()
        self._folder, self._chance = folder, chance
        self._old: list[str] = []
        self._number = 0
        # What stood before this history was compared by the one that made it.
        self._compared = Head.objects.current().size

    def do(self, act: str) -> None:
        getattr(self, f"_{act.replace(' ', '_')}")()
        self._compare()

    def _record(self) -> None:
        with transaction.atomic():
            self._note()

    def _record_many(self) -> None:
        with transaction.atomic():
            for _ in range(self._chance.randint(2, 60)):
                self._note()

    def _roll_back(self) -> None:
        with transaction.atomic():
            note(-1)
            transaction.set_rollback(True)

    def _integrate(self) -> None:
        integrate_pending()

    def _seal(self) -> None:
        seal()

    def _publish(self) -> None:
        publish()

    def _sequence(self) -> None:
        sequence_pending()
        path = Path(settings.ATTESTRY_LOG_PUBLISH_TO) / "checkpoint"
        copy = self._folder / f"old-{len(self._old)}"
        copy.write_bytes(path.read_bytes())
        self._old += ["--old", str(copy)]

    def _rotate(self) -> None:
        if len(keys.signing_keys()) == 1:
            rotate_log_key()
            # The checkpoints so far were signed without the key that an outsider gets.
            self._old.clear()
            self._learn()

    def _retire(self) -> None:
        if len(keys.signing_keys()) == 2:
            retire_old_log_key()
            self._learn()

    def _erase(self) -> None:
        PrivateField.objects.all().delete()

    def _set_back(self) -> None:
        """A head that is not the tree which was signed is refused until it is again."""
        with transaction.atomic():
            self._note()
        integrate_pending()
        root = Head.objects.current().root
        Head.objects.update(root=bytes(32))
        with pytest.raises(ConflictError):
            seal()
        Head.objects.update(root=root)

    def _prove(self) -> None:
        sealed = seal()
        if sealed is None:
            return
        index = self._chance.randrange(sealed.size)
        policy = Policy.of_log(keys.signing_keys()[0].verifier_key)
        proof = TlogProof.parse(inclusion_proof(index))
        proof.verify_entry(entry_at(index).body, policy)
        assert entry_at(index).body == self.bodies[index]

    def _verify(self) -> None:
        sequence_pending()
        assert bytes(Head.objects.current().root) == naive_root(
            [hashlib.sha256(b"\x00" + body).digest() for body in self.bodies]
        )
        assert verify_log().faults == ()
        folder = Path(settings.ATTESTRY_LOG_PUBLISH_TO)
        key = ["--key", str(folder / "key")]
        assert verify(["log", str(folder), *key, *self._old]) == 0

    def _note(self) -> None:
        self._number += 1
        self.bodies.append(bytes(note(self._number, name="Alice").body))

    def _learn(self) -> None:
        """Append what a command has recorded by itself."""
        self.bodies += _bodies()[len(self.bodies) :]

    def _compare(self) -> None:
        size = Head.objects.current().size
        added = Entry.objects.filter(index__gte=self._compared).order_by("index")
        bodies = [bytes(body) for body in added.values_list("event__body", flat=True)]
        assert bodies == self.bodies[self._compared : size]
        self._compared = size


def _bodies() -> list[bytes]:
    return [bytes(event.body) for event in Event.objects.order_by("id")]


def naive_root(leaves: list[bytes]) -> bytes:
    """Return the Merkle tree hash by the recursion of RFC 6962 section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = naive_root(leaves[:split]), naive_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.fixture
def own_process(real_commits, monkeypatch) -> None:
    monkeypatch.setattr(settings, "ATTESTRY_LOG_SEQUENCER", "own-process")


def test_log_is_the_list_whatever_happens_to_it(own_process, tmp_path_factory):
    sequence_pending()

    # One log lives through all of them, so that histories follow upon each other.
    @effort(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(acts=ACTS, seed=st.integers(0, 2**32))
    def live(acts: list[str], seed: int) -> None:
        folder = tmp_path_factory.mktemp("seen")
        history = History(folder, random.Random(seed))  # noqa: S311 - to be repeated
        for act in [*acts, "verify"]:
            history.do(act)

    live()
    assert connection.in_atomic_block is False
