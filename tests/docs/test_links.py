"""Every relative link of a Markdown page leads to a file, and its anchor to a heading."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

ROOT = Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def pages():
    found = [*ROOT.glob("*.md"), *ROOT.glob("[!.]*/**/*.md")]
    inside = (page.relative_to(ROOT) for page in found)
    return sorted(page for page in inside if page.parts[0] != "var")


def text_of(page):
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors_of(page):
    """The names that headings get on a code forge: lower case, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings
    }


def leads_somewhere(page, link):
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    if not target.exists():
        return False
    return not anchor or anchor in anchors_of(target)


@pytest.mark.parametrize("page", pages(), ids=str)
def test_relative_links_lead_somewhere(page):
    links = [
        link for link in LINK.findall(text_of(ROOT / page)) if not ELSEWHERE.match(link)
    ]
    assert [link for link in links if not leads_somewhere(page, link)] == []
