"""`python -m demo`: tell the story to a running server; exit 0 only if it comes true."""

import argparse
import sys
from pathlib import Path

from mlflow.exceptions import MlflowException
from requests import RequestException

from demo.client import ProblemError
from demo.story import DiffersError, tell


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--url", required=True, help="such as http://127.0.0.1:8000")
    parser.add_argument("--credentials", required=True, type=Path)
    parser.add_argument("--report", required=True, type=Path, help="the PDF to write")
    arguments = parser.parse_args()
    try:
        tell(arguments.url, arguments.credentials, arguments.report)
    except (DiffersError, ProblemError, MlflowException, RequestException) as error:
        print(f"\nThe story came out differently. {error}", file=sys.stderr)
        return 1
    print("\nThe story came out as told.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
