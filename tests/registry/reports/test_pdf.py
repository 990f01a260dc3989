"""The PDF says what the report says, to the byte, whatever people typed into it."""

import hashlib
import io
import json
import re
from collections import Counter
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any

import pypdf
import pytest

from registry.reports.filters import utc
from registry.reports.headline import headline, tally
from registry.reports.lineage import Node
from registry.reports.pdf import html, render
from tests.registry.reports import eventful, samples
from tests.registry.reports.eventful import eventful_report
from tests.registry.reports.samples import lineage_report

pytestmark = [
    pytest.mark.slow,
    # WeasyPrint 70 leaves its colour profile open.
    pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014.icc:ResourceWarning"),
]


@pytest.fixture(scope="module")
def report():
    return lineage_report()


@pytest.fixture(scope="module")
def pdf(report) -> bytes:
    return render(report)


@pytest.fixture(scope="module")
def eventful_pdf() -> bytes:
    return render(eventful_report())


def opened(pdf: bytes) -> Any:
    return pypdf.PdfReader(io.BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    """Return the text without spaces: where a cell breaks its line is no matter."""
    return without_spaces("".join(page.extract_text() for page in opened(pdf).pages))


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", text)


def texts_of(value: Any) -> list[str]:
    """Return all texts, numbers and times of frozen values, as they are printed."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in fields(value)]
        return [text for part in parts for text in texts_of(part)]
    if isinstance(value, tuple):
        return [text for part in value for text in texts_of(part)]
    if isinstance(value, datetime):
        return [utc(value)]
    if value is None or isinstance(value, bool):
        return []
    return [str(value).replace("_", " ")]


def bare(**changes):
    """A version that was only registered."""
    nothing = {
        "request": None,
        "policy": None,
        "nodes": (Node(key="run", kind="Run", name="weather"),),
        "edges": (),
        "datasets": (),
        "gates": (),
        "roc": (),
        "reliability": None,
        "comparison": None,
        "sign_offs": (),
        "slot_history": (),
        "decisions": (),
        "trail": (),
        "run": replace(
            samples.source_run(),
            params=(),
            metrics=(),
            tags=(),
            environment=(),
            artifacts=(),
            ended_at=None,
            seal_digest="",
        ),
    }
    return lineage_report(**nothing | changes)


def test_same_report_gives_the_same_bytes(report, pdf):
    assert render(report) == pdf


def test_attached_json_is_the_report_and_its_digest_is_on_every_page(report, pdf):
    attached = opened(pdf).attachments["lineage-report.json"][0]

    assert attached == report.to_json()
    assert hashlib.sha256(attached).hexdigest() == report.json_sha256()
    for page in opened(pdf).pages:
        assert report.json_sha256() in without_spaces(page.extract_text())


def test_pdf_prints_identity_decision_and_log(report, pdf):
    text = text_of(pdf)

    for said in (
        headline(report),
        tally(report),
        report.identity.standing,
        report.identity.purpose,
        report.identity.artifact_sha256,
        report.request.subject_digest,
        report.log.root,
        report.run.run_id,
        report.run.seal_digest,
        report.policy.digest,
    ):
        assert without_spaces(said) in text


def test_pdf_prints_every_verdict_unrounded_with_its_evidence(report, pdf):
    text = text_of(pdf)

    for row in report.gates:
        assert repr(row.estimate) in text
        assert f"{row.lower!r}/{row.upper!r}" in text
        assert row.evidence_digest in text
        assert without_spaces(row.sentence) in text


def test_pdf_prints_the_manifestation_of_every_signature(report, pdf):
    text = text_of(pdf)

    for signed in report.sign_offs:
        for said in (signed.printed_name, signed.meaning, signed.authentication):
            assert without_spaces(said) in text
    assert "2026-03-1413:15:00UTC" in text
    assert text.count(report.request.subject_digest) >= 4


def test_pdf_prints_every_entry_of_the_trail(report, pdf):
    text = text_of(pdf)

    for line in report.trail:
        assert line.leaf_hash in text
        assert line.kind in text


def test_pdf_is_a_tagged_archive_with_title_language_and_fixed_date(pdf):
    reader = opened(pdf)
    xmp = reader.trailer["/Root"]["/Metadata"].get_data().decode()

    assert 'pdfaid:part="3"' in xmp
    assert 'pdfaid:conformance="A"' in xmp
    assert "<pdfuaid:part>1</pdfuaid:part>" in xmp
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert reader.metadata.title == "Lineage report: flight-delay v2"
    assert reader.metadata.creation_date == samples.minutes(130)


def test_pdf_embeds_only_the_vendored_fonts(pdf):
    fonts = {
        font.get_object()["/BaseFont"].partition("+")[2]
        for page in opened(pdf).pages
        for font in page["/Resources"]["/Font"].values()
    }

    assert fonts == {"Plex-Sans", "Plex-Sans-Semi-Bold", "Plex-Mono"}


def test_pdf_numbers_its_pages(pdf):
    pages = opened(pdf).pages

    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page.extract_text()


def test_what_is_missing_is_said_in_words():
    text = text_of(render(bare()))

    for said in (
        "Nobody has asked to promote this version",
        "No version of this model has ever been a champion.",
        "The source run names no dataset.",
        "Params: the run logged no param.",
        "The run left no artifact.",
        "not sealed",
        "No gate has answered.",
        "No predictions of this version have been evaluated",
        "There was no champion to compare with.",
        "Nobody has signed for this version.",
        "so that it may serve in none that a policy governs",
        "none recorded: nobody has signed why the model is in its tier.",
        "none recorded: nobody has written a card of this model.",
        "Not supplied: intended users",
        "none recorded: no version ran beside a champion of this model.",
        "none recorded: nothing was attested for this version.",
        "none recorded: no gate of this version was waived.",
        "none recorded: no version of this model was promoted in an emergency.",
        "none recorded: no slot of this model was rolled back.",
        "none recorded: no request of this version was rejected",
        "none recorded: neither this version nor the model is retired.",
        "none recorded: nobody has opened a finding",
        "nothing is due, because this version serves nowhere",
        "none recorded. Triggers are recorded by people and monitors",
        "none recorded: nobody has validated this version again",
        "The log has no entry on this version.",
        "No policy was pinned",
    ):
        assert without_spaces(said).casefold() in text.casefold()
    assert "MISSING" not in text


def test_red_box_of_an_emergency_stands_on_the_first_page(eventful_pdf):
    first = without_spaces(opened(eventful_pdf).pages[0].extract_text())

    for said in (
        "BREAK-GLASS IN FORCE: version 2 serves in production without an approval",
        "passed over by Oskar Lindström (owner) and Rika Sato (risk): The champion",
        "answers nothing since the night's timetable change.",
        "DENY 1 critical finding(s) on flight-delay are open",
        "1 critical, 1 high (1 overdue); 1 open on other versions",
        "production frozen until that is reviewed",
        "Artifact, SHA-256",
        samples.identity().artifact_sha256,
        "Log root",
    ):
        assert without_spaces(said) in first


def test_report_without_an_emergency_has_no_red_box(report):
    assert 'class="alarm"' in html(eventful_report(), ())
    assert 'class="alarm"' not in html(report, ())


def test_emergency_that_is_over_keeps_its_red_box():
    over = eventful.break_glass(standing="over", is_in_force=False)

    page = html(eventful_report(break_glasses=(over,)), ())

    assert "BREAK-GLASS: version 2 served in production without an approval" in re.sub(
        r"<[^>]*>", "", page
    )


def test_pdf_prints_everything_that_is_said_of_oversight(eventful_pdf):
    """Each text and number of the values must be somewhere on the pages."""
    report, text = eventful_report(), text_of(eventful_pdf)

    told = [
        *texts_of(report.card),
        *texts_of(report.tier_assessments),
        *texts_of(report.break_glasses),
        *texts_of(report.rollbacks),
        *texts_of(report.findings),
        *texts_of(report.challengers),
        *texts_of(report.revalidation),
        *texts_of(report.waivers),
        *texts_of(report.attestations),
        *texts_of(report.closings),
        *texts_of(report.decisions[0].reasons[0].sentence),
        *texts_of(report.sign_offs),
        *report.identity.downstream,
    ]
    missing = [said for said in told if without_spaces(said) not in text]
    assert missing == []


def test_pdf_prints_a_retirement_and_what_stood_on_it():
    text = text_of(render(bare(retirements=(eventful.retirement(),))))

    for said in texts_of(eventful.retirement()):
        assert without_spaces(said) in text


def test_hostile_text_in_the_red_box_and_below_is_printed_harmlessly():
    hostile = (
        '"><img src="http://attacker.example/x.png">{% load x %}\u202e' + "x" * 500
    )
    report = bare(
        break_glasses=(eventful.break_glass(reason=hostile[:120], asked_by="O" * 300),),
        card=eventful.model_card(limits_of_use=hostile, executive=hostile),
        findings=(eventful.finding(title=hostile[:200], description=hostile),),
        rollbacks=(eventful.rollback(reason=hostile),),
    )

    pdf = render(report)
    text, first = text_of(pdf), without_spaces(opened(pdf).pages[0].extract_text())

    said = without_spaces(hostile).replace("\u202e", "[U+202E]")
    assert text.count(said) >= 4
    assert said[:110] in first
    assert "BREAK-GLASSINFORCE" in first
    assert "<img" not in html(report, ())


def test_texts_that_fill_pages_are_printed_to_their_end():
    long = " ".join(f"word{number}" for number in range(3_000))
    report = bare(
        findings=(eventful.finding(description=long),),
        card=eventful.model_card(limits_of_use=long),
        tier_assessments=(replace(eventful.tier_assessments()[0], rationale=long),),
    )

    text = text_of(render(report))

    printed = Counter(re.findall(r"word(\d+)", text))
    assert [n for n in range(3_000) if printed[str(n)] < 3] == []


def test_findings_beyond_the_limits_are_counted_and_left_to_the_json():
    many = tuple(eventful.finding(number=number) for number in range(1_000, 1_160))

    page = html(bare(findings=many), ())

    assert "10 more are in the attached JSON." in page
    assert "What was done about 110 more is in the attached JSON." in page
    assert page.count("<h3>Finding ") == 50


def test_latest_of_many_emergencies_are_printed_and_the_earlier_ones_counted():
    many = tuple(
        eventful.break_glass(number=number, is_in_force=False, standing="over")
        for number in range(1_000, 1_060)
    )

    page = html(bare(break_glasses=many), ())

    assert "10 earlier ones are in the attached JSON." in page
    assert "Break-glass 1009," not in page
    assert "Break-glass 1059," in page
    assert page.count('class="alarm-title"') == 3
    assert "57 more are in the chapter" in page


def test_hostile_text_is_printed_harmlessly():
    name = "<script>alert(1)</script>{{ settings.SECRET_KEY }}" + "x" * 200
    report = bare(
        identity=replace(
            samples.identity(),
            registered_model=name,
            purpose='"><img src="http://attacker.example/x.png"> 日本 שלום 🚀 \0\u202e',
            owner="O" * 300,
        )
    )

    text = text_of(render(report))

    assert without_spaces(name) in text
    assert '"><imgsrc="http://attacker.example/x.png">' in text
    assert "[U+65E5][U+672C]" in text
    assert "[U+05E9]" in text
    assert "[U+1F680][U+0000][U+202E]" in without_spaces(text)
    assert "O" * 300 in text


def test_hostile_text_reaches_the_attached_json_unchanged():
    purpose = "日本 \u202e <b>"
    identity = replace(samples.identity(), purpose=purpose)
    pdf = render(bare(identity=identity))

    attached = json.loads(opened(pdf).attachments["lineage-report.json"][0])

    assert attached["identity"]["purpose"] == purpose


def test_every_value_that_the_template_names_exists(report):
    assert "MISSING" not in html(report, ())


def test_trail_beyond_the_limit_is_counted_and_left_to_the_json():
    line = samples.trail()[0]
    report = bare(trail=tuple(replace(line, index=number) for number in range(503)))

    page = html(report, ())

    assert "3 later entries are in the attached JSON." in page
    assert page.count(line.leaf_hash) == 500


def test_page_asks_for_nothing_but_the_vendored_fonts(report):
    addresses = set(re.findall(r"url\(\"?([a-z]+:)", html(report, ())))

    assert addresses == {"vendored:"}
