"""Places a directed graph in rows without overlaps (after Sugiyama 1981, simplified).

Layers by longest path; wide layers are broken into several rows; an edge that passes a
row gets a narrow place in it, shared by all edges to the same target, so that no line
runs through a box. The same graph always gives the same picture.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Edge = tuple[str, str]
Point = tuple[float, float]

SWEEPS = 6


@dataclass(frozen=True)
class Frame:
    """Sizes in the drawing's unit: boxes, the gaps between them, boxes in a row."""

    box_width: float = 168
    box_height: float = 58
    gap_across: float = 16
    gap_down: float = 40
    passage_width: float = 10
    boxes_in_a_row: int = 4


@dataclass(frozen=True)
class Box:
    """Where a node stands: its upper left corner."""

    key: str
    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """The way of an edge: leaves a box below, passes points, enters a box from above."""

    source: str
    target: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """The placed graph, in a drawing of `width` by `height`."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


@dataclass
class _Grid:
    """Rows of keys; a key that is no node is a passage for edges to one target."""

    rows: list[list[str]]
    links: list[Edge]
    chains: dict[Edge, list[str]] = field(default_factory=dict)


def layered(
    nodes: Sequence[str], edges: Iterable[Edge], frame: Frame | None = None
) -> Layout:
    """Place the nodes; edges that close a cycle or name no node are left out."""
    frame = frame or Frame()
    forward = _without_cycles(nodes, edges)
    rows = _rows(_layers(nodes, forward), frame.boxes_in_a_row)
    grid = _with_passages(rows, forward)
    _reduce_crossings(grid)
    centres = _centres(grid, frozenset(nodes), frame)
    return _drawn(grid, forward, frozenset(nodes), centres, frame)


def _without_cycles(nodes: Sequence[str], edges: Iterable[Edge]) -> list[Edge]:
    known = set(nodes)
    kept: list[Edge] = []
    reachable: dict[str, set[str]] = {node: {node} for node in nodes}
    for source, target in dict.fromkeys(edges):
        if source not in known or target not in known or source in reachable[target]:
            continue
        kept.append((source, target))
        for reached in reachable.values():
            if source in reached:
                reached.update(reachable[target])
    return kept


def _layers(nodes: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for source, target in edges:
            depth[target] = max(depth[target], depth[source] + 1)
    has_source = {target for _, target in edges}
    for node in nodes:
        targets = [depth[target] for source, target in edges if source == node]
        if node not in has_source and targets:
            depth[node] = min(targets) - 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        layers[depth[node]].append(node)
    return layers


def _rows(layers: list[list[str]], capacity: int) -> list[list[str]]:
    """Break each layer into rows of nearly equal length."""
    rows = []
    for layer in filter(None, layers):
        count = -(-len(layer) // capacity)
        cuts = [len(layer) * i // count for i in range(count + 1)]
        rows += [layer[cuts[i] : cuts[i + 1]] for i in range(count)]
    return rows


def _with_passages(rows: list[list[str]], edges: Sequence[Edge]) -> _Grid:
    row_of = {key: number for number, row in enumerate(rows) for key in row}
    grid = _Grid(rows=[list(row) for row in rows], links=[])
    seen: set[str] = set()
    for source, target in edges:
        chain = []
        for number in range(row_of[source] + 1, row_of[target]):
            passage = f"\0{number}\0{target}"
            chain.append(passage)
            if passage not in seen:
                seen.add(passage)
                grid.rows[number].append(passage)
        grid.chains[source, target] = chain
        way = [source, *chain, target]
        grid.links += itertools.pairwise(way)
    grid.links = list(dict.fromkeys(grid.links))
    return grid


def _neighbours(
    links: Iterable[Edge],
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for source, target in links:
        above.setdefault(target, []).append(source)
        below.setdefault(source, []).append(target)
    return above, below


def _reduce_crossings(grid: _Grid) -> None:
    above, below = _neighbours(grid.links)
    for sweep in range(SWEEPS):
        neighbours = below if sweep % 2 else above
        for row in reversed(grid.rows) if sweep % 2 else grid.rows:
            place = {
                key: (index + 0.5) / len(other)
                for other in grid.rows
                for index, key in enumerate(other)
            }
            row.sort(key=lambda key: _mean(place, neighbours.get(key, [key])))


def _mean(values: Mapping[str, float], keys: Sequence[str]) -> float:
    return sum(values[key] for key in keys) / len(keys)


def _centres(grid: _Grid, nodes: frozenset[str], frame: Frame) -> dict[str, float]:
    """Pull every box towards the middle of its neighbours, as far as there is room."""
    above, below = _neighbours(grid.links)

    def half(key: str) -> float:
        return (frame.box_width if key in nodes else frame.passage_width) / 2

    centres: dict[str, float] = {}
    for row in grid.rows:
        centres |= _spread(row, [0.0] * len(row), half, frame.gap_across)
    for sweep in range(2 * SWEEPS):
        neighbours = above if sweep % 2 else below
        for row in grid.rows if sweep % 2 else reversed(grid.rows):
            wished = [_mean(centres, neighbours.get(key, [key])) for key in row]
            centres |= _spread(row, wished, half, frame.gap_across)
    return centres


def _spread(
    row: Sequence[str],
    wished: Sequence[float],
    half: Callable[[str], float],
    gap: float,
) -> dict[str, float]:
    """Return the centres closest to the wishes (least squares) that keep the gaps.

    Without the room that the boxes need, this is isotonic regression: pool adjacent
    violators (Barlow et al. 1972).
    """
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        offsets.append(offsets[-1] + half(left) + gap + half(right))
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=True):
        mean, size = wish - offset, 1
        while pools and pools[-1][0] >= mean:
            other, count = pools.pop()
            mean = (mean * size + other * count) / (size + count)
            size += count
        pools.append((mean, size))
    starts = [mean for mean, size in pools for _ in range(size)]
    return {
        key: start + offset
        for key, start, offset in zip(row, starts, offsets, strict=True)
    }


def _drawn(
    grid: _Grid,
    edges: Sequence[Edge],
    nodes: frozenset[str],
    centres: dict[str, float],
    frame: Frame,
) -> Layout:
    half = frame.box_width / 2
    step = frame.box_height + frame.gap_down
    left = min((x - half for x in centres.values()), default=0.0)
    right = max((x + half for x in centres.values()), default=0.0)
    top = {key: i * step for i, row in enumerate(grid.rows) for key in row}

    def line(source: str, target: str) -> Line:
        points = [(centres[source] - left, top[source] + frame.box_height)]
        for passage in grid.chains[source, target]:
            x = centres[passage] - left
            points += [(x, top[passage]), (x, top[passage] + frame.box_height)]
        points.append((centres[target] - left, top[target]))
        return Line(source, target, tuple(points))

    return Layout(
        boxes=tuple(
            Box(key, centres[key] - half - left, top[key])
            for row in grid.rows
            for key in row
            if key in nodes
        ),
        lines=tuple(line(*edge) for edge in edges),
        width=right - left,
        height=max(0.0, len(grid.rows) * step - frame.gap_down),
    )
