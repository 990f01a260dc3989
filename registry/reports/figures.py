"""Draws the report's figures as SVG, for the PDF and for pages alike.

Nothing is told by colour alone: a print in black and white says the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry.reports.layout import Frame, Layout, Line, layered
from registry.reports.lineage import (
    ChampionComparison,
    Edge,
    Node,
    Reliability,
    RocCurve,
)
from registry.reports.typeface import BOLD, MONO, fitted

INK = "#17202b"
MUTED = "#5b6673"
RULE = "#c9d0d8"
PAPER = "#ffffff"
TINT = "#e8eef5"
ACCENT = "#1f4e79"
ALARM = "#9b1c1c"

SANS_FAMILY = "Plex Sans, Plex Sans Ext, Plex Sans Greek, Plex Sans Cyrillic"
MONO_FAMILY = f"Plex Mono, {SANS_FAMILY}"

MINUS = "\N{MINUS SIGN}"
# CSS pixels a unit: text of 11 units then reads as about 7.5 points.
PIXELS = 0.9

COUNT_OF_DIGEST = 19  # "sha256:" and twelve digits


def _tag(name: str, *content: str, **attributes: object) -> SafeString:
    pairs = [
        (key.rstrip("_").replace("_", "-"), _attribute(value))
        for key, value in attributes.items()
    ]
    return format_html(
        "<{0}{1}>{2}</{0}>",
        name,
        format_html_join("", ' {}="{}"', pairs),
        _joined(content),
    )


def _joined(parts: Sequence[str]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))


def _attribute(value: object) -> str:
    return (
        f"{value:.2f}".rstrip("0").rstrip(".")
        if isinstance(value, float)
        else str(value)
    )


def _figure(
    width: float, height: float, title: str, description: str, content: Sequence[str]
) -> SafeString:
    return _tag(
        "svg",
        _tag("title", title),
        _tag("desc", description),
        *content,
        xmlns="http://www.w3.org/2000/svg",
        width=float(width * PIXELS),
        height=float(height * PIXELS),
        viewBox=f"0 0 {_attribute(float(width))} {_attribute(float(height))}",
        role="img",
        font_family=SANS_FAMILY,
        font_size=11,
    )


def _text(x: float, y: float, content: str, **attributes: object) -> SafeString:
    return _tag("text", content, x=x, y=y, **{"fill": INK, **attributes})


def _line(
    x1: float, y1: float, x2: float, y2: float, **attributes: object
) -> SafeString:
    return _tag("line", x1=x1, y1=y1, x2=x2, y2=y2, **{"stroke": RULE, **attributes})


def _path(points: Sequence[tuple[float, float]], **attributes: object) -> SafeString:
    steps = " L ".join(f"{_attribute(x)} {_attribute(y)}" for x, y in points)
    return _tag("path", d=f"M {steps}", fill="none", **attributes)


# The lineage graph

BOX = Frame()


def lineage_graph(nodes: Sequence[Node], edges: Sequence[Edge]) -> SafeString:
    """Draw what came from what, from the data at the top to the slot at the bottom."""
    layout = layered(
        [node.key for node in nodes], [(e.source, e.target) for e in edges]
    )
    margin = 4.0
    placed = {box.key: box for box in layout.boxes}
    broken = {node.key for node in nodes if node.is_broken}
    names = {node.key: node.name for node in nodes}
    return _figure(
        layout.width + 2 * margin,
        layout.height + 2 * margin,
        "Lineage graph",
        "; ".join(f"{names[e.source]} ({e.label}) {names[e.target]}" for e in edges),
        [
            _tag(
                "g",
                *_arrows(layout, broken),
                *(
                    _node(node, placed[node.key].x, placed[node.key].y)
                    for node in nodes
                ),
                transform=f"translate({margin:g} {margin:g})",
            )
        ],
    )


def _arrows(layout: Layout, broken: set[str]) -> list[SafeString]:
    return [
        part
        for line in layout.lines
        for part in _arrow(line, is_broken=bool(broken & {line.source, line.target}))
    ]


def _arrow(line: Line, *, is_broken: bool) -> tuple[SafeString, SafeString]:
    (x, y), *rest = line.points
    steps = [f"M {_attribute(x)} {_attribute(y)}"]
    for next_x, next_y in rest:
        if next_x == x:
            steps.append(f"L {_attribute(next_x)} {_attribute(next_y)}")
        else:
            middle = (y + next_y) / 2
            steps.append(
                f"C {_attribute(x)} {_attribute(middle)} {_attribute(next_x)} "
                f"{_attribute(middle)} {_attribute(next_x)} {_attribute(next_y)}"
            )
        x, y = next_x, next_y
    colour = ALARM if is_broken else MUTED
    dashes = {"stroke_dasharray": "4 3"} if is_broken else {}
    head = f"{_attribute(x - 3.5)},{_attribute(y - 7)} {_attribute(x + 3.5)},{_attribute(y - 7)} {_attribute(x)},{_attribute(y)}"
    return (
        _tag(
            "path",
            d=" ".join(steps),
            fill="none",
            stroke=colour,
            stroke_width=1.1,
            **dashes,
        ),
        _tag("polygon", points=head, fill=colour),
    )


def _node(node: Node, x: float, y: float) -> SafeString:
    edge = {"stroke": RULE, "stroke_width": 1}
    if node.is_subject:
        edge = {"stroke": ACCENT, "stroke_width": 2.2}
    if node.is_broken:
        edge = {"stroke": ALARM, "stroke_width": 1.6, "stroke_dasharray": "5 3"}
    left, room = x + 12, BOX.box_width - 20
    kind = f"{node.kind}, missing" if node.is_broken else node.kind
    below = node.digest[:COUNT_OF_DIGEST] + "…" * (len(node.digest) > COUNT_OF_DIGEST)
    return _tag(
        "g",
        _tag("title", f"{node.kind}: {node.name} {node.digest}"),
        _tag(
            "rect",
            x=x,
            y=y,
            width=BOX.box_width,
            height=BOX.box_height,
            rx=3,
            fill=TINT if node.is_subject else PAPER,
            **edge,
        ),
        _tag(
            "rect",
            x=x,
            y=y,
            width=4,
            height=BOX.box_height,
            fill=ALARM if node.is_broken else ACCENT,
        ),
        _text(left, y + 16, fitted(kind, 9.5, room), font_size=9.5, fill=MUTED),
        _text(
            left,
            y + 32,
            fitted(node.name, 12, room, BOLD),
            font_size=12,
            font_weight=600,
        ),
        _text(
            left,
            y + 48,
            fitted(below, 9.5, room, MONO),
            font_size=9.5,
            font_family=MONO_FAMILY,
        ),
    )


# Plots


@dataclass(frozen=True)
class _Axis:
    """Maps values from `low` to `high` onto the drawing from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SIDE = 290.0
LEFT, TOP = 46.0, 10.0
UNIT_X = _Axis(0, 1, LEFT, LEFT + SIDE)
UNIT_Y = _Axis(0, 1, TOP + SIDE, TOP)


def _unit_square(x_label: str, y_label: str) -> list[SafeString]:
    bottom, right = TOP + SIDE, LEFT + SIDE
    parts = []
    for tick in TICKS:
        parts += [
            _line(UNIT_X(tick), TOP, UNIT_X(tick), bottom, stroke_width=0.5),
            _line(LEFT, UNIT_Y(tick), right, UNIT_Y(tick), stroke_width=0.5),
            _text(UNIT_X(tick), bottom + 14, f"{tick:.1f}", text_anchor="middle"),
            _text(LEFT - 6, UNIT_Y(tick) + 4, f"{tick:.1f}", text_anchor="end"),
        ]
    middle = TOP + SIDE / 2
    return [
        *parts,
        _path(
            [(LEFT, TOP), (LEFT, bottom), (right, bottom)], stroke=INK, stroke_width=1
        ),
        _text(LEFT + SIDE / 2, bottom + 32, x_label, text_anchor="middle"),
        _text(
            12,
            middle,
            y_label,
            text_anchor="middle",
            transform=f"rotate(-90 12 {middle:g})",
        ),
        _path(
            [(LEFT, bottom), (right, TOP)],
            stroke=MUTED,
            stroke_width=0.8,
            stroke_dasharray="2 3",
        ),
    ]


CURVES: tuple[dict[str, object], ...] = (
    {"stroke": ACCENT, "stroke_width": 2.2},
    {"stroke": INK, "stroke_width": 1.2, "stroke_dasharray": "6 3"},
)


def roc_plot(curves: Sequence[RocCurve]) -> SafeString:
    """Draw the version's curve solid and the former champion's dashed."""
    parts = _unit_square("False positive rate", "True positive rate")
    shown = list(zip(curves, CURVES, strict=False))
    for curve, style in reversed(shown):
        points = [(UNIT_X(x), UNIT_Y(y)) for x, y in curve.points]
        parts.append(_path(points, stroke_linejoin="round", **style))
    parts += _legend(shown)
    areas = ", ".join(f"{curve.label} {curve.auc:.5f}" for curve in curves)
    return _figure(350, 338, "ROC curve", f"Area under the curve: {areas}", parts)


def _legend(shown: Sequence[tuple[RocCurve, dict[str, object]]]) -> list[SafeString]:
    height, width = 16.0 * len(shown) + 10, 172.0
    x, y = LEFT + SIDE - width - 6, TOP + SIDE - height - 6
    parts = [
        _tag("rect", x=x, y=y, width=width, height=height, fill=PAPER, stroke=RULE)
    ]
    for row, (curve, style) in enumerate(shown):
        line_y = y + 14 + 16 * row
        label = fitted(curve.label, 10.5, 68)
        parts += [
            _path([(x + 8, line_y - 1), (x + 34, line_y - 1)], **style),
            _text(x + 40, line_y + 3, label, font_size=10.5),
            _text(
                x + width - 8,
                line_y + 3,
                f"{curve.auc:.5f}",
                font_size=10.5,
                text_anchor="end",
            ),
        ]
    return parts


BAR_HEIGHT = 54.0


def reliability_plot(reliability: Reliability) -> SafeString:
    """Draw predicted against observed frequency, over the distribution of the scores."""
    parts = _unit_square("", "Observed frequency")
    drawn = [(UNIT_X(b.mean_score), UNIT_Y(b.observed)) for b in reliability.bins]
    if drawn:
        parts.append(_path(drawn, stroke=ACCENT, stroke_width=1.2))
    for point, part in zip(drawn, reliability.bins, strict=True):
        parts += _whisker(point, UNIT_Y(part.lower), UNIT_Y(part.upper))
    parts += _histogram(reliability)
    rows = sum(part.rows for part in reliability.bins)
    description = f"{len(reliability.bins)} bins over {rows} rows"
    return _figure(350, 408, "Reliability diagram", description, parts)


def _whisker(point: tuple[float, float], low: float, high: float) -> list[SafeString]:
    x, y = point
    return [
        _line(x, low, x, high, stroke=INK, stroke_width=1),
        _line(x - 2.5, low, x + 2.5, low, stroke=INK, stroke_width=1),
        _line(x - 2.5, high, x + 2.5, high, stroke=INK, stroke_width=1),
        _tag("circle", cx=x, cy=y, r=2.6, fill=ACCENT),
    ]


def _histogram(reliability: Reliability) -> list[SafeString]:
    base = TOP + SIDE + 28 + BAR_HEIGHT
    most = max((bar.rows for bar in reliability.histogram), default=0) or 1
    scale = _Axis(0, most, base, base - BAR_HEIGHT)
    bars = [
        _tag(
            "rect",
            x=UNIT_X(bar.start) + 0.5,
            y=scale(bar.rows),
            width=UNIT_X(bar.end) - UNIT_X(bar.start) - 1,
            height=base - scale(bar.rows),
            fill="#8fa6bd",
            stroke=ACCENT,
            stroke_width=0.5,
        )
        for bar in reliability.histogram
        if bar.rows
    ]
    return [
        *bars,
        _line(LEFT, base, LEFT + SIDE, base, stroke=INK),
        _text(LEFT - 6, base - BAR_HEIGHT + 8, f"{most:,}", text_anchor="end"),
        _text(LEFT - 6, base + 1, "0", text_anchor="end"),
        _text(
            12,
            base - BAR_HEIGHT / 2,
            "Rows",
            text_anchor="middle",
            transform=f"rotate(-90 12 {_attribute(base - BAR_HEIGHT / 2)})",
        ),
        _text(
            LEFT + SIDE / 2, base + 18, "Predicted probability", text_anchor="middle"
        ),
    ]


def difference_plot(comparison: ChampionComparison) -> SafeString:
    """Draw the paired difference with its interval, zero, and the tolerated margin."""
    reach = 1.4 * max(
        abs(comparison.lower), abs(comparison.upper), comparison.margin, 1e-6
    )
    axis = _Axis(-reach, reach, 10.0, 690.0)
    top, bottom = 26.0, 84.0
    middle = (top + bottom) / 2
    edge = axis(-comparison.margin)
    marks = [
        (edge, f"margin {signed(-comparison.margin)}", "end", edge - 5),
        (axis(0), "no difference", "start", axis(0) + 5),
    ]
    parts: list[SafeString] = [
        _tag("rect", x=10, y=top, width=edge - 10, height=bottom - top, fill="#eceff2"),
        _text(18, bottom - 6, "inferior", font_size=10.5, fill=MUTED),
    ]
    for x, label, anchor, label_x in marks:
        parts += [
            _line(x, top, x, bottom, stroke=INK, stroke_dasharray="3 2"),
            _text(label_x, top - 8, label, font_size=10.5, text_anchor=anchor),
        ]
    parts += _interval(comparison, axis, middle)
    parts += _scale(axis, bottom, reach)
    described = (
        f"{signed(comparison.difference)}, interval "
        f"{signed(comparison.lower)} to {signed(comparison.upper)}"
    )
    return _figure(700, 124, "Paired difference to the champion", described, parts)


def _interval(
    comparison: ChampionComparison, axis: _Axis, y: float
) -> list[SafeString]:
    low, high, point = (
        axis(v) for v in (comparison.lower, comparison.upper, comparison.difference)
    )
    return [
        _line(low, y, high, y, stroke=ACCENT, stroke_width=2.4),
        _line(low, y - 7, low, y + 7, stroke=ACCENT, stroke_width=2.4),
        _line(high, y - 7, high, y + 7, stroke=ACCENT, stroke_width=2.4),
        _tag(
            "circle", cx=point, cy=y, r=5, fill=PAPER, stroke=ACCENT, stroke_width=2.4
        ),
    ]


def _scale(axis: _Axis, y: float, reach: float) -> list[SafeString]:
    parts = [_line(axis.start, y, axis.end, y, stroke=INK)]
    step = _round_step(reach / 2.5)
    for value in (
        count * step for count in range(-4, 5) if abs(count) * step < 0.9 * reach
    ):
        x = axis(value)
        parts += [
            _line(x, y, x, y + 4, stroke=INK),
            _text(x, y + 17, signed(value), font_size=10.5, text_anchor="middle"),
        ]
    return [
        *parts,
        _text(350, y + 36, "Version minus champion", text_anchor="middle"),
    ]


def _round_step(length: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is not longer."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(power * digit for digit in (1, 2, 5) if power * digit <= length)


def signed(value: float) -> str:
    """Print a difference with its sign and five decimals."""
    digits = f"{abs(value):.5f}"
    if float(digits) == 0:
        return digits
    return f"{MINUS if value < 0 else '+'}{digits}"
