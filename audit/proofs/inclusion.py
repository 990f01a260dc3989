"""Proofs for outsiders: the signed head, its tiles, one entry, two sizes."""

from dataclasses import dataclass

from audit.errors import InvalidError, NotFoundError
from audit.models import Head, StoredCheckpoint
from audit.proofs.signers import signers_of
from audit.storage.tree import StoredTree
from audit.storage.witnesses import cosigned_note
from audit.tlog.errors import TlogError
from audit.tlog.proof import TlogProof
from audit.tlog.tiles import Bundle, Tile, parse_path, width_at


@dataclass(frozen=True)
class Consistency:
    """That the tree of `old_size` is a prefix of the one of `new_size`; in bytes."""

    old_size: int
    old_root: bytes
    new_size: int
    new_root: bytes
    hashes: tuple[bytes, ...]


def newest_checkpoint() -> bytes:
    """Return the signed note of the newest checkpoint of the current log."""
    return cosigned_note(_newest())


def resource(path: str) -> bytes:
    """Return a tile or bundle by its C2SP path, as far as it is signed."""
    try:
        named = parse_path(path)
    except TlogError as error:
        raise NotFoundError("tile_unknown", f"{error} See C2SP tlog-tiles.") from None
    size = _newest().size
    level = named.level if isinstance(named, Tile) else 0
    if named.width > width_at(size, level, named.index):
        raise NotFoundError(
            "tile_unknown",
            f"The log has {size} signed entries, and {path} needs more: read the "
            f"checkpoint anew.",
        )
    tree = StoredTree(Head.objects.current())
    if isinstance(named, Bundle):
        return tree.bundle(named)
    return tree.tile(named.level, named.index, named.width)


def inclusion_proof(index: int) -> bytes:
    """Return the tlog-proof of an entry against the newest checkpoint (C2SP)."""
    signed = _newest()
    if index >= signed.size:
        raise NotFoundError(
            "entry_not_sealed",
            f"The newest checkpoint covers {signed.size} entries and not {index}: ask "
            f"again when it is sealed.",
        )
    hashes = StoredTree(Head.objects.current()).at(signed.size).inclusion_proof(index)
    return TlogProof(index, hashes, cosigned_note(signed)).to_bytes()


def consistency(old_size: int, new_size: int | None) -> Consistency:
    """Prove that a log of an old size is contained in a newer one (RFC 6962 2.1.2)."""
    tree = StoredTree(Head.objects.current())
    signed = _newest().size
    new_size = signed if new_size is None else new_size
    if not 0 <= old_size <= new_size <= signed:
        raise InvalidError(
            "sizes_invalid",
            f"Ask for 0 <= from <= to <= {signed}, the size of the newest checkpoint.",
        )
    new = tree.at(new_size)
    return Consistency(
        old_size=old_size,
        old_root=tree.at(old_size).root(),
        new_size=new_size,
        new_root=new.root(),
        hashes=new.consistency_proof(old_size),
    )


def verifier_key() -> str:
    """Return the newest verifier key of the current log, as its entries name it."""
    newest = signers_of(Head.objects.current()).newest
    if newest is None:
        raise NotFoundError(
            "log_not_sealed", "No entry names a key yet: the sequencer has not run."
        )
    return str(newest)


def _newest() -> StoredCheckpoint:
    log = Head.objects.current()
    newest = StoredCheckpoint.objects.filter(log=log).order_by("-size").first()
    if newest is None:
        raise NotFoundError(
            "log_not_sealed", "Nothing is signed yet: the sequencer has not run."
        )
    return newest
