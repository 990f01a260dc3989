"""The lineage graph is placed without overlaps, and always the same way."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.reports.layout import Frame, Layout, layered

FRAME = Frame()


def overlaps(layout: Layout) -> list[tuple[str, str]]:
    return [
        (a.key, b.key)
        for a, b in itertools.combinations(layout.boxes, 2)
        if abs(a.x - b.x) < FRAME.box_width and abs(a.y - b.y) < FRAME.box_height
    ]


def crossed_boxes(layout: Layout) -> list[tuple[str, str]]:
    """Return (edge, box) where a straight part of a line runs through a box."""
    return [
        (line.target, box.key)
        for line in layout.lines
        for (x, y), (next_x, next_y) in itertools.pairwise(line.points)
        if x == next_x
        for box in layout.boxes
        if box.x < x < box.x + FRAME.box_width
        and min(y, next_y) < box.y + FRAME.box_height / 2 < max(y, next_y)
    ]


def chain_of_stars(count: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Many inputs of one run, and a chain from there: the shape of real lineage."""
    nodes = [f"n{number}" for number in range(count)]
    middle = count * 2 // 3
    into = [(node, nodes[middle]) for node in nodes[:middle]]
    onwards = list(itertools.pairwise(nodes[middle:]))
    return nodes, into + onwards


@pytest.mark.parametrize("count", range(1, 61))
def test_layout_of_any_size_has_no_overlapping_boxes(count):
    nodes, edges = chain_of_stars(count)

    layout = layered(nodes, edges)

    assert overlaps(layout) == []
    assert crossed_boxes(layout) == []
    assert {box.key for box in layout.boxes} == set(nodes)
    assert len(layout.lines) == len(edges)


@given(
    st.integers(1, 25),
    st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=60),
)
def test_layout_of_any_graph_has_no_overlapping_boxes(count, pairs):
    nodes = [str(number) for number in range(count)]
    edges = [(str(a), str(b)) for a, b in pairs]

    layout = layered(nodes, edges)

    assert overlaps(layout) == []
    assert crossed_boxes(layout) == []


def test_layout_stays_inside_its_drawing():
    layout = layered(*chain_of_stars(40))

    assert min(box.x for box in layout.boxes) >= 0
    assert max(box.x for box in layout.boxes) + FRAME.box_width <= layout.width + 1e-6
    assert max(box.y for box in layout.boxes) + FRAME.box_height == layout.height
    for line in layout.lines:
        assert all(0 <= x <= layout.width for x, _ in line.points)


def test_layout_leads_every_edge_downwards():
    layout = layered(*chain_of_stars(40))

    for line in layout.lines:
        heights = [y for _, y in line.points]
        assert heights == sorted(heights)


def test_layout_leaves_out_an_edge_that_closes_a_cycle():
    layout = layered(["a", "b"], [("a", "b"), ("b", "a"), ("a", "a"), ("a", "ghost")])

    assert [(line.source, line.target) for line in layout.lines] == [("a", "b")]


def test_layout_of_the_same_graph_is_the_same():
    assert layered(*chain_of_stars(33)) == layered(*chain_of_stars(33))


def test_layout_of_nothing_is_empty():
    assert layered([], []) == Layout(boxes=(), lines=(), width=0, height=0)
