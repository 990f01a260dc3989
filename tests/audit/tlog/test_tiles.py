import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tlog.errors import MalformedError
from audit.tlog.merkle import MAX_SIZE, leaf_hash, root_of
from audit.tlog.tiles import (
    MAX_ENTRY_BYTES,
    Bundle,
    Tile,
    bundles_of,
    new_bundles,
    new_tiles,
    parse_path,
    read_bundle,
    subtree_root_of,
    tiles_of,
    width_at,
    write_bundle,
)
from tests.audit.tlog import vectors

PATHS = [
    ("tile/0/000", Tile(0, 0)),
    ("tile/0/255", Tile(0, 255)),
    ("tile/0/x001/000", Tile(0, 1000)),
    ("tile/15/x455/667", Tile(15, 455667)),
    ("tile/3/x001/x234/067", Tile(3, 1234067)),
    ("tile/15/x123/x456/789", Tile(15, 123456789)),
    ("tile/0/x001/x234/067.p/89", Tile(0, 1234067, 89)),
    ("tile/1/000.p/1", Tile(1, 0, 1)),
    (
        "tile/63/x999/x999/x999/x999/x999/999.p/255",
        Tile(63, 999999999999999999, 255),
    ),
    ("tile/entries/000", Bundle(0)),
    ("tile/entries/273.p/112", Bundle(273, 112)),
    ("tile/entries/x001/x234/067", Bundle(1234067)),
]


@pytest.mark.parametrize(("path", "name"), PATHS)
def test_paths_are_written_and_read_as_published(path: str, name: Tile | Bundle):
    assert name.path == path
    assert parse_path(path) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/a/000",
        "tile/data/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/x001/x234",
        "tile/0/001/234",
        "tile/0/x000/001",
        "tile/0/x000/x001/234",
        "tile/0/X001/234",
        "tile/0/x01/234",
        "tile/0/x0001/234",
        "tile/0/../000",
        "tile/0/\N{ARABIC-INDIC DIGIT ZERO}00",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/-1",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/2",
        "tile/0/x001.p/5/000",
        "tile/entries/x000/000",
        "tile/0/" + "x999/" * 8 + "999",
        "tile/0/" + "x001/" * 100_000 + "000",
    ],
    ids=range(42),
)
def test_paths_of_another_form_are_refused(path: str):
    with pytest.raises(MalformedError):
        parse_path(path)


@given(st.text(alphabet="tile/entrisx0123456789.p\n\r -+", max_size=60))
def test_a_path_that_is_read_is_the_one_that_is_written(path: str):
    try:
        name = parse_path(path)
    except MalformedError:
        return
    assert name.path == path


@given(st.integers(0, 63), st.integers(0, MAX_SIZE), st.integers(1, 256))
def test_every_name_survives_its_path(level: int, index: int, width: int):
    assert parse_path(Tile(level, index, width).path) == Tile(level, index, width)
    assert parse_path(Bundle(index, width).path) == Bundle(index, width)


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (0, []),
        (1, [Tile(0, 0, 1)]),
        (255, [Tile(0, 0, 255)]),
        (256, [Tile(0, 0), Tile(1, 0, 1)]),
        (257, [Tile(0, 0), Tile(0, 1, 1), Tile(1, 0, 1)]),
        (
            70_000,
            [
                *(Tile(0, index) for index in range(273)),
                Tile(0, 273, 112),
                Tile(1, 0),
                Tile(1, 1, 17),
                Tile(2, 0, 1),
            ],
        ),
    ],
)
def test_a_tree_has_the_tiles_that_the_specification_counts(
    size: int, tiles: list[Tile]
):
    assert list(tiles_of(size)) == tiles
    level_0 = [tile for tile in tiles if tile.level == 0]
    assert list(bundles_of(size)) == [Bundle(t.index, t.width) for t in level_0]


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [
        (0, 0, 256),
        (0, 272, 256),
        (0, 273, 112),
        (0, 274, 0),
        (1, 0, 256),
        (1, 1, 17),
        (1, 2, 0),
        (2, 0, 1),
        (3, 0, 0),
    ],
)
def test_the_width_of_a_tile_follows_from_the_size_of_the_tree(
    level: int, index: int, width: int
):
    assert width_at(70_000, level, index) == width


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_new_tiles_are_those_that_the_old_tree_had_not(first: int, second: int):
    old, new = sorted((first, second))
    assert set(new_tiles(old, new)) == set(tiles_of(new)) - set(tiles_of(old))
    assert set(new_bundles(old, new)) == set(bundles_of(new)) - set(bundles_of(old))


def test_the_bundle_and_the_tile_of_the_vector_log_are_as_published():
    assert write_bundle(vectors.ENTRIES) == vectors.BUNDLE
    assert read_bundle(vectors.BUNDLE, 3) == vectors.ENTRIES
    tile = b"".join(leaf_hash(entry) for entry in vectors.ENTRIES)
    assert hashlib.sha256(tile).hexdigest() == vectors.TILE_SHA256


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_holds_exactly_its_entries(entries: list[bytes]):
    data = write_bundle(entries)
    assert read_bundle(data, len(entries)) == entries
    for broken, width in [
        (data + b"\0", len(entries)),
        (data[:-1], len(entries)),
        (data, len(entries) + 1),
        (data, len(entries) - 1),
    ]:
        if (broken, width) == (data[:-1], 0) or width < 0:
            continue
        with pytest.raises(MalformedError):
            read_bundle(broken, width)


@given(st.binary(max_size=2000), st.integers(0, 256))
def test_any_bytes_are_a_bundle_or_malformed(data: bytes, width: int):
    try:
        entries = read_bundle(data, width)
    except MalformedError:
        return
    assert write_bundle(entries) == data


def test_an_entry_has_at_most_65535_bytes():
    largest = bytes(MAX_ENTRY_BYTES)
    assert read_bundle(write_bundle([largest]), 1) == [largest]
    with pytest.raises(MalformedError):
        write_bundle([largest + b"\0"])


@pytest.mark.parametrize("count", [1, 2, 64, 256])
def test_a_full_row_of_hashes_has_the_root_of_its_leaves(count: int):
    leaves = [leaf_hash(b"%d" % number) for number in range(count)]
    assert subtree_root_of(b"".join(leaves)) == root_of(leaves)


@pytest.mark.parametrize("length", [0, 31, 33, 96, 8191])
def test_other_rows_of_hashes_have_no_single_root(length: int):
    with pytest.raises(MalformedError):
        subtree_root_of(bytes(length))


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**63, 1), (0, 0, 0), (0, 0, 257)],
)
def test_names_of_no_tile_are_refused(level: int, index: int, width: int):
    with pytest.raises(MalformedError):
        Tile(level, index, width)


@pytest.mark.parametrize(("old_size", "new_size"), [(5, 4), (-1, 4), (0, 2**63)])
def test_a_tree_grows_between_sizes_that_exist(old_size: int, new_size: int):
    with pytest.raises(MalformedError):
        list(new_tiles(old_size, new_size))
    with pytest.raises(MalformedError):
        list(new_bundles(old_size, new_size))
