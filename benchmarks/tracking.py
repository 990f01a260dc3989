"""How fast tracking is beside a real MLflow server: `make bench-tracking`.

    make bench-tracking ARGS="--only log-metric --turns 3 --seconds 2"

How a row is measured and declared stands in `benchmarks/side_by_side.py`.
"""

import argparse
import sys
from contextlib import ExitStack

from benchmarks import (
    tracking_memory,
    tracking_reads,
    tracking_registry,
    tracking_writes,
)
from benchmarks.figures import print_table
from benchmarks.side_by_side import compare, print_comparison
from benchmarks.two_servers import attestry_server, mlflow_server

ROWS = (*tracking_writes.ROWS, *tracking_registry.ROWS, *tracking_reads.ROWS)


def main() -> int:
    arguments = _arguments()
    rows = [row for row in ROWS if arguments.only in row.name]
    passes = True
    with ExitStack() as stack:
        ours = stack.enter_context(attestry_server())
        if rows:
            theirs = stack.enter_context(mlflow_server())
            times = {"turns": arguments.turns, "seconds": arguments.seconds}
            passes = print_comparison(
                compare(row, theirs, ours, **times) for row in rows
            )
        if arguments.only in tracking_memory.NAME:
            figure = tracking_memory.memory_figure(ours, arguments.minutes)
            print_table([figure])
            passes &= figure.passes
    return 0 if passes else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="of each side")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument(
        "--minutes", type=float, default=2.0, help="of load, to look at memory"
    )
    parser.add_argument("--only", default="", help="a part of the name of the work")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
