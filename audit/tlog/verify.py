"""Verifies a log or one entry of it, for people who do not run this product.

    python -m audit.tlog.verify log --key KEY [--old FILE …] DIRECTORY
    python -m audit.tlog.verify proof --key KEY --entry FILE PROOF

Needs Python and `cryptography` only. Exit status: 0 verified, 1 not, 2 wrong usage.
"""

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from audit.tlog.checkpoint import OpenedCheckpoint
from audit.tlog.encoding import format_base64
from audit.tlog.errors import MalformedError, TlogError
from audit.tlog.keys import SignatureType, VerifierKey
from audit.tlog.log_verification import verify_published_log
from audit.tlog.merkle import HASH_BYTES, leaf_hash
from audit.tlog.policy import Policy
from audit.tlog.proof import MAX_PROOF_BYTES, TlogProof
from audit.tlog.published_log import PublishedLog

VERIFIED, NOT_VERIFIED, USAGE = 0, 1, 2
PROGRESS_SECONDS = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    run: Callable[[Namespace], str] = options.run
    try:
        sentence = run(options)
    except TlogError as error:
        sys.stderr.write(f"NOT VERIFIED: {error}\n")
        return NOT_VERIFIED
    sys.stdout.write(f"verified: {sentence}\n")
    return VERIFIED


def _verify_log(options: Namespace) -> str:
    verified = verify_published_log(
        PublishedLog(options.directory),
        _policy(options),
        old=options.old,
        since=options.incremental_from,
        progress=_Progress(),
    )
    size = verified.head.checkpoint.size
    read = f"entries from {verified.first_index} on" if verified.first_index else "all"
    old = f", {len(options.old)} old checkpoint(s) contained" if options.old else ""
    return f"{_describe(verified.head)}; {read} of {size} recomputed{old}"


def _verify_proof(options: Namespace) -> str:
    leaf = options.leaf if options.entry is None else leaf_hash(options.entry)
    proof = TlogProof.parse(options.proof)
    opened = proof.verify(leaf, _policy(options))
    return f"entry {proof.index} is in {_describe(opened)}"


def _describe(opened: OpenedCheckpoint) -> str:
    head = opened.checkpoint
    witnesses = [k for k in opened.keys if k.type is SignatureType.COSIGNATURE_V1]
    cosigned = f", {len(witnesses)} known cosignature(s)" if witnesses else ""
    return f"{head.origin}, size {head.size}, root {format_base64(head.root)}{cosigned}"


def _policy(options: Namespace) -> Policy:
    """Return the policy file's witnesses with the one log whose key was given."""
    policy: Policy = options.policy or Policy()
    return policy.with_log(options.key)


class _Progress:
    """Says on standard error how far a long verification is."""

    def __init__(self) -> None:
        self._next = time.monotonic() + PROGRESS_SECONDS

    def __call__(self, done: int, size: int) -> None:
        if time.monotonic() >= self._next:
            sys.stderr.write(f"{done} of {size} entries\n")
            self._next = time.monotonic() + PROGRESS_SECONDS


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m audit.tlog.verify",
        description="Verify a published transparency log, or one entry of a log.",
        epilog="Exit status: 0 verified, 1 not verified, 2 wrong usage.",
    )
    commands = parser.add_subparsers(required=True, metavar="{log,proof}")
    log = commands.add_parser("log", help="verify a published log in full")
    log.set_defaults(run=_verify_log)
    log.add_argument("directory", type=_directory)
    log.add_argument(
        "--old",
        type=_file,
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint seen before, which the log must contain; repeatable",
    )
    log.add_argument(
        "--incremental-from",
        type=_file,
        metavar="FILE",
        help="a checkpoint up to which the log was verified: read only what is new",
    )
    proof = commands.add_parser("proof", help="verify that an entry is in a log")
    proof.set_defaults(run=_verify_proof)
    proof.add_argument("proof", type=_file, help="the .tlog-proof file")
    evidence = proof.add_mutually_exclusive_group(required=True)
    evidence.add_argument(
        "--entry", type=_file, metavar="FILE", help="the entry's bytes"
    )
    evidence.add_argument("--leaf", type=_leaf, metavar="HEX", help="its leaf hash")
    for command in (log, proof):
        command.add_argument(
            "--key", type=_key, required=True, help="the log's verifier key or its file"
        )
        command.add_argument(
            "--policy", type=_policy_file, metavar="FILE", help="witnesses and quorum"
        )
    return parser


def _file(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_PROOF_BYTES + 1)
    except OSError as error:
        raise ArgumentTypeError(f"{name}: {error.strerror}") from None


def _directory(name: str) -> Path:
    if not Path(name).is_dir():
        raise ArgumentTypeError(f"{name} is not a directory")
    return Path(name)


def _key(text: str) -> VerifierKey:
    # No path to a key is mistaken for one: a key has its ID between plus signs.
    line = text if text.count("+") >= 2 else _file(text).decode("utf-8", "replace")
    try:
        return Policy.of_log(VerifierKey.parse(line.strip())).logs[0].key
    except MalformedError as error:
        raise ArgumentTypeError(str(error)) from None


def _policy_file(name: str) -> Policy:
    try:
        return Policy.parse(_file(name))
    except MalformedError as error:
        raise ArgumentTypeError(str(error)) from None


def _leaf(text: str) -> bytes:
    try:
        leaf = bytes.fromhex(text)
    except ValueError:
        raise ArgumentTypeError("a leaf hash is 64 hex digits") from None
    if len(leaf) != HASH_BYTES:
        raise ArgumentTypeError("a leaf hash is 64 hex digits")
    return leaf


if __name__ == "__main__":
    sys.exit(main())
