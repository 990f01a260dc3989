"""Reads pointers to data that lie in files: `.dvc` files and `dvc.lock` of DVC.

https://dvc.org/doc/user-guide/project-structure describes both. What cannot be read as
one is no pointer, and nothing here raises: a run may upload any file under such a name.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml

from tracking.models.dataset import DVC, OUTPUT

LARGEST_POINTER_BYTES = 1 << 20
MOST_DATASETS = 200
DEEPEST = 20
LONGEST_NAME = 500
MD5 = re.compile(r"[0-9a-f]{32}(?:\.dir)?")
# A stage depends on its code as well, which is no data.
CODE = frozenset({".ipynb", ".jl", ".py", ".r", ".scala", ".sh", ".sql"})
# Writes no Python object and resolves nothing: all scalars are text.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True)
class DatasetPointer:
    """A dataset that a file points to; `context` is `output` for what a stage made."""

    name: str
    digest: str
    source_type: str
    source: str
    context: str


class _NotAPointerError(Exception):
    """The file is not what its name says."""


def is_pointer(path: str, size_bytes: int) -> bool:
    """Say whether an artifact should be read as a pointer, by its name and size."""
    name = PurePosixPath(path).name
    is_named_so = name == "dvc.lock" or (name.endswith(".dvc") and name != ".dvc")
    return is_named_so and size_bytes <= LARGEST_POINTER_BYTES


def datasets_in(path: str, content: bytes) -> tuple[DatasetPointer, ...]:
    """Return the datasets that a pointer names, each once; none if it is broken.

    One with more than MOST_DATASETS names none, because some of them would mislead.
    """
    read = _of_lock if PurePosixPath(path).name == "dvc.lock" else _of_dvc_file
    try:
        found = list(read(_document(content)))
    except _NotAPointerError:
        return ()
    # What one stage makes and the next one uses was made here.
    made_last = sorted(found, key=lambda pointer: pointer.context == OUTPUT)
    once = {(pointer.name, pointer.digest): pointer for pointer in made_last}
    return tuple(once.values()) if len(once) <= MOST_DATASETS else ()


def _of_dvc_file(document: dict[str, Any]) -> Iterator[DatasetPointer]:
    for entry in _objects(document.get("outs")):
        yield from _pointer(entry, context="")


def _of_lock(document: dict[str, Any]) -> Iterator[DatasetPointer]:
    # The first form of the file had the stages at its top.
    stages = document.get("stages") if "schema" in document else document
    for stage in _object(stages).values():
        for entry in _objects(_object(stage).get("deps")):
            yield from _pointer(entry, context="")
        for entry in _objects(_object(stage).get("outs")):
            yield from _pointer(entry, context=OUTPUT)


def _pointer(entry: dict[str, Any], *, context: str) -> Iterator[DatasetPointer]:
    path, md5 = entry.get("path"), entry.get("md5")
    if not isinstance(path, str) or not isinstance(md5, str):
        return
    is_code = context != OUTPUT and PurePosixPath(path).suffix.lower() in CODE
    if is_code or not MD5.fullmatch(md5) or not _is_name(path):
        return
    source: dict[str, Any] = {"path": path, "md5": md5}
    for field in ("size", "nfiles"):
        if (count := _count(entry.get(field))) is not None:
            source[field] = count
    remote = entry.get("remote")
    if isinstance(remote, str) and _is_name(remote):
        source["remote"] = remote
    yield DatasetPointer(path, md5, DVC, json.dumps(source), context)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and text.isprintable()


def _count(text: object) -> int | None:
    is_number = isinstance(text, str) and re.fullmatch(r"[0-9]{1,18}", text)
    return int(str(text)) if is_number else None


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _NotAPointerError
    return value


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if value is None:
        return
    if not isinstance(value, list):
        raise _NotAPointerError
    for entry in value:
        yield _object(entry)


def _document(content: bytes) -> dict[str, Any]:
    """Return the one YAML document as mappings, lists and texts.

    Built from the parser's events, so that neither aliases (which DVC does not write)
    nor depth can make it grow.
    """
    try:
        return _object(_built(content.decode("utf-8")))
    # The parser raises the last two for escapes and versions beyond any number.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _NotAPointerError from error


def _built(text: str) -> Any:
    top: list[Any] = []
    open_nodes: list[tuple[list[Any], bool]] = [(top, False)]
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) or len(open_nodes) > DEEPEST:
            raise _NotAPointerError
        if isinstance(event, yaml.ScalarEvent):
            open_nodes[-1][0].append(event.value)
        elif isinstance(event, yaml.CollectionStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            open_nodes.append(([], is_mapping))
        elif isinstance(event, yaml.CollectionEndEvent):
            children, is_mapping = open_nodes.pop()
            open_nodes[-1][0].append(_mapping(children) if is_mapping else children)
    if len(top) != 1:
        raise _NotAPointerError
    return top[0]


def _mapping(children: list[Any]) -> dict[str, Any]:
    keys, values = children[::2], children[1::2]
    if not all(isinstance(key, str) for key in keys):
        raise _NotAPointerError
    return dict(zip(keys, values, strict=True))
