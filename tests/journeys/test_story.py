"""The whole story of the demo, told to a real installation by real clients.

On the SQLite run that is one process tree without a broker; on the PostgreSQL run it is
a web server, a Celery worker and beat on PostgreSQL and Redis.
"""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.installation import ROOT, Installation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Tell the story once; its own assertions make it exit 0."""
    pdf = tmp_path_factory.mktemp("story") / "lineage-report.pdf"
    told = subprocess.run(
        [
            *(sys.executable, "-m", "demo", "--url", installation.url),
            *("--credentials", str(installation.folder / "credentials.json")),
            *("--report", str(pdf)),
        ],
        cwd=ROOT,
        env=dict(installation.environment),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return pdf


def test_story_comes_out_as_told_and_its_log_is_intact(
    installation: Installation, report: Path
):
    verified = installation.verify_log()

    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.startswith("The log is intact:")


def test_report_prints_gates_signatures_comparison_and_trail_of_version_two(
    report: Path,
):
    pages = PdfReader(report).pages
    text = " ".join("".join(page.extract_text() for page in pages).split())

    for expected in (
        "flight-delay",
        "Version 2",
        "Champion in production",
        "Victor Validator",
        "Olivia Owner",
        "Comparison with the champion",
        "registry.version.promoted",
    ):
        assert expected in text


def test_attached_data_hold_what_the_pages_print(report: Path):
    [content] = PdfReader(report).attachments["lineage-report.json"]
    data = json.loads(content)

    assert data["identity"]["version"] == 2
    assert {row["outcome"] for row in data["gates"]} == {"pass"}
    assert [entry["kind"] for entry in data["trail"]].count(
        "registry.sign_off.given"
    ) == 2


def test_every_gate_ran_in_a_worker_and_not_in_the_web_process(
    installation: Installation, report: Path
):
    asked = installation.manage(
        "shell",
        "--verbosity=0",
        "--command=from registry.models import Verdict; "
        "told = Verdict.objects.filter(gate_run__request__model_version"
        "__registered_model__name='flight-delay'); "
        "print(*{verdict.content['worker']['process'] for verdict in told})",
    )

    assert asked.returncode == 0, asked.stderr
    processes = {int(word) for word in asked.stdout.split()}
    assert processes
    commands = running_commands()
    web = {pid for pid, command in commands.items() if b"wsgi" in command}
    assert web
    assert not web & processes
    # A worker's process ends after a hundred tasks, and its number is in no list then.
    for pid in processes & commands.keys():
        assert b"work" in commands[pid]


def running_commands() -> dict[int, bytes]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has ended since
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found
