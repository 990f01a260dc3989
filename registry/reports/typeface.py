"""The vendored fonts: which characters they can print, and how wide a text becomes."""

import dataclasses
import unicodedata
from functools import cache
from typing import Any

from django.conf import settings
from fontTools.ttLib import TTFont

FOLDER = settings.BASE_DIR / "static" / "fonts"

SANS = (
    "ibm-plex-sans-latin-400",
    "ibm-plex-sans-latin-ext-400",
    "ibm-plex-sans-greek-400",
    "ibm-plex-sans-cyrillic-400",
)
BOLD = tuple(name.replace("-400", "-600") for name in SANS)
MONO = ("ibm-plex-mono-latin-400",)
FILES = tuple(f"{name}.woff2" for name in (*SANS, *BOLD, *MONO))

# A character that a face lacks is set in another one: assume the widest.
WIDEST = 1.0


def font_bytes(file_name: str) -> bytes:
    """Return one of FILES; a ValueError refuses every other name."""
    if file_name not in FILES:
        raise ValueError(f"{file_name!r} is none of the vendored fonts.")
    return (FOLDER / file_name).read_bytes()


def printable(text: str) -> str:
    """Replace what cannot be printed as itself by its code point, e.g. `U+65E5`.

    That is every character without a glyph (PDF/A forbids .notdef) and every invisible
    one: controls, and the format characters that reorder text. Line feeds stay.
    """
    return "".join(_printed(character) for character in text)


@cache
def _printed(character: str) -> str:
    if character in "\n ":
        return character
    if character == "\t":
        return "    "
    is_visible = unicodedata.category(character)[0] not in "CZ"
    if is_visible and character in _advances(SANS):
        return character
    return f"[U+{ord(character):04X}]"


def with_printable_text(value: Any) -> Any:
    """Return a copy of frozen dataclasses in which every string can be printed."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, tuple):
        return tuple(with_printable_text(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {
            field.name: with_printable_text(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
        return dataclasses.replace(value, **changes)
    return value


def text_width(text: str, size: float, faces: tuple[str, ...] = SANS) -> float:
    """Return the width of printable text, in the unit of `size`."""
    advances = _advances(faces)
    return size * sum(advances.get(character, WIDEST) for character in text)


def fitted(text: str, size: float, room: float, faces: tuple[str, ...] = SANS) -> str:
    """Return the text, with its middle cut out where it is wider than `room`."""
    if text_width(text, size, faces) <= room:
        return text
    kept = len(text) - 1
    while kept > 2:
        head, tail = text[: (kept + 1) // 2], text[len(text) - kept // 2 :]
        if text_width(f"{head}…{tail}", size, faces) <= room:
            return f"{head}…{tail}"
        kept -= 1
    return "…"


@cache
def _advances(faces: tuple[str, ...]) -> dict[str, float]:
    """Return the advance of every character that the faces have, in em."""
    advances: dict[str, float] = {}
    for face in reversed(faces):
        with TTFont(FOLDER / f"{face}.woff2") as font:
            widths, units = font["hmtx"], font["head"].unitsPerEm
            for code_point, glyph in font.getBestCmap().items():
                advances[chr(code_point)] = widths[glyph][0] / units
    return advances
