"""Every figure is well-formed, has a title, and holds hostile names harmlessly."""

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from registry.reports.figures import (
    MINUS,
    difference_plot,
    lineage_graph,
    reliability_plot,
    roc_plot,
    signed,
)
from registry.reports.lineage import Edge, Node
from tests.registry.reports import samples

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def report() -> Any:
    return samples.lineage_report()


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own output


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in drawn(svg).iter(f"{SVG}text")]


def test_every_figure_begins_with_a_title(report):
    figures = [
        lineage_graph(report.nodes, report.edges),
        roc_plot(report.roc),
        reliability_plot(report.reliability),
        difference_plot(report.comparison),
    ]

    assert [drawn(figure)[0].text for figure in figures] == [
        "Lineage graph",
        "ROC curve",
        "Reliability diagram",
        "Paired difference to the champion",
    ]


def test_lineage_graph_shows_every_node_with_kind_and_name(report):
    shown = texts(lineage_graph(report.nodes, report.edges))

    assert {node.kind for node in report.nodes} <= set(shown)
    assert {"weather", "flight-delay v2", "production"} <= set(shown)


def test_lineage_graph_says_in_words_what_is_missing():
    nodes = (
        Node(key="a", kind="Dataset", name="none is named", is_broken=True),
        Node(key="b", kind="Run", name="weather"),
    )

    shown = texts(lineage_graph(nodes, (Edge(source="a", target="b", label="l"),)))

    assert "Dataset, missing" in shown


def test_lineage_graph_prints_markup_as_text():
    name = "<script>alert(1)</script>"
    svg = lineage_graph((Node(key="a", kind='"><x', name=name),), ())

    assert drawn(svg).find(f".//{SVG}script") is None
    assert '"><x' in texts(svg)


def test_roc_plot_tells_curves_apart_without_colour(report):
    dashes = [
        path.get("stroke-dasharray")
        for path in drawn(roc_plot(report.roc)).iter(f"{SVG}path")
    ]

    assert {None, "6 3"} <= set(dashes)


def test_difference_plot_keeps_its_labels_inside_when_nothing_differs(report):
    alike = replace(report.comparison, difference=0.0, lower=0.0, upper=0.0)

    shown = texts(difference_plot(alike))

    assert f"margin {MINUS}0.00500" in shown
    assert "no difference" in shown


def test_signed_prints_zero_without_a_sign():
    assert [signed(x) for x in (0.0, -0.0000001, 0.5, -0.5)] == [
        "0.00000",
        "0.00000",
        "+0.50000",
        f"{MINUS}0.50000",
    ]
