"""Whatever people write is printed: as itself, or as its code point."""

import pytest
from fontTools.ttLib import TTFont

from registry.reports.lineage import Node
from registry.reports.typeface import (
    BOLD,
    FILES,
    FOLDER,
    SANS,
    fitted,
    font_bytes,
    printable,
    text_width,
    with_printable_text,
)
from tests.registry.reports import samples


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("Oskar Lindström", "Oskar Lindström"),
        ("Łukasz Żółć", "Łukasz Żółć"),
        ("Ελένη", "Ελένη"),
        ("Дмитрий", "Дмитрий"),
        ("日本", "[U+65E5][U+672C]"),
        ("שלום", "[U+05E9][U+05DC][U+05D5][U+05DD]"),
        ("🚀", "[U+1F680]"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u200bb\u00a0c", "a[U+200B]b[U+00A0]c"),
        ("a\0b\rc", "a[U+0000]b[U+000D]c"),
        ("a\tb\nc", "a    b\nc"),
        ("e\u20dd", "e[U+20DD]"),
    ],
)
def test_printable_replaces_what_has_no_glyph_or_cannot_be_seen(written, printed):
    assert printable(written) == printed


def test_printable_reaches_every_text_of_a_report():
    report = samples.lineage_report(nodes=(Node(key="x", kind="k", name="日"),))

    assert with_printable_text(report).nodes[0].name == "[U+65E5]"


def test_fitted_cuts_the_middle_and_keeps_both_ends():
    name = "evaluation/predictions-of-a-very-long-name.parquet"

    cut = fitted(name, 12, 150, BOLD)

    assert text_width(cut, 12, BOLD) <= 150
    assert cut.startswith("evaluat")
    assert cut.endswith("arquet")
    assert "…" in cut


def test_fitted_leaves_a_text_that_has_room():
    assert fitted("short", 12, 150) == "short"


def test_bold_faces_have_every_character_that_the_regular_ones_have():
    """So that a heading never falls back to a font of the machine."""
    for regular, bold in zip(SANS, BOLD, strict=True):
        assert characters_of(regular) == characters_of(bold)


def characters_of(face: str) -> set[int]:
    with TTFont(FOLDER / f"{face}.woff2") as font:
        return set(font.getBestCmap())


def test_font_bytes_serves_vendored_fonts_and_nothing_else():
    assert all(font_bytes(name).startswith(b"wOF2") for name in FILES)
    with pytest.raises(ValueError, match="none of the vendored fonts"):
        font_bytes("../../config/settings.py")


def test_every_vendored_font_file_is_used():
    assert {path.name for path in FOLDER.glob("*.woff2")} == set(FILES)
