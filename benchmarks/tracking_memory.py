"""Whether a web worker's memory stays flat under load: the last row of `bench-tracking`.

    make bench-tracking ARGS="--only memory --minutes 60"

Some clients do what training does, over and over and each time with a new run, so that no
answer grows. A fifth of the time is for getting warm; then the resident memory of the
largest process is looked at in the beginning, in the middle and at the end. What it is
in between, and while getting warm, is printed twenty times.
"""

import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.side_by_side import Client, Side, family
from benchmarks.tracking_writes import params, points

NAME = "memory of a web worker"
CLIENTS = 4
LOOKS = {0.2: "beginning", 0.6: "middle", 1.0: "end"}
SAMPLES = 20
MOST_GROWTH_PERCENT = 5
FILE = bytes(2**20)


def memory_figure(side: Side, minutes: float) -> Figure:
    """Return by how many percent the largest worker has grown under mixed load."""
    end = time.monotonic() + 60 * minutes
    rounds: list[int] = []
    threads = [
        threading.Thread(target=_train_until, args=(side, end, rounds))
        for _ in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    seen: dict[float, float] = {}
    for part in (number / SAMPLES for number in range(1, SAMPLES + 1)):
        seen[part] = _seen(side, end - 60 * minutes * (1 - part))
        print(f"  {part:4.0%} {seen[part]:,.1f} MiB", file=sys.stderr, flush=True)
    for thread in threads:
        thread.join()
    if len(rounds) != CLIENTS:
        raise RuntimeError("a client failed, see above")
    beginning, *later = (seen[part] for part in LOOKS)
    told = ", ".join(f"{seen[part]:,.1f} MiB in the {at}" for part, at in LOOKS.items())
    print(f"  {sum(rounds):,} runs of training: {told}", file=sys.stderr, flush=True)
    growth = 100 * (max(later) / beginning - 1)
    what = f"{NAME}, growth in {minutes:g} minutes"
    return Figure(what, growth, "%", MOST_GROWTH_PERCENT, is_limit=True)


def _seen(side: Side, moment: float) -> float:
    """Return the resident memory of the largest web process at a moment, in MiB."""
    time.sleep(max(0.0, moment - time.monotonic()))
    return max(_resident_kib(pid) for pid in family(side.processes["web"])) / 1024


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return next(
        int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")
    )


def _train_until(side: Side, end: float, rounds: list[int]) -> None:
    done = 0
    with closing(Client(side)) as client:
        while time.monotonic() < end:
            _train(client)
            done += 1
    rounds.append(done)


def _train(client: Client) -> None:
    """Do a bit of each thing that clients do."""
    experiment_id, run_id = client.side.experiment_id, client.new_run()
    folder = f"/api/2.0/mlflow-artifacts/artifacts/{experiment_id}/{run_id}/artifacts"
    client.post("runs/log-batch", run_id=run_id, params=params(20))
    for step in range(20):
        point = {"key": "loss", "value": step / 7, "timestamp": step, "step": step}
        client.post("runs/log-metric", run_id=run_id, **point)
        client.post("runs/log-batch", run_id=run_id, metrics=points(10, step))
    client.post("runs/log-batch", run_id=run_id, metrics=points(1000, 20))
    client.post("runs/set-tag", run_id=run_id, key="team", value="credit")
    client.send("PUT", f"{folder}/model.bin", FILE)
    client.send("GET", f"{folder}/model.bin")
    client.call("GET", f"artifacts/list?run_id={run_id}")
    client.call("GET", f"metrics/get-history?run_id={run_id}&metric_key=loss")
    client.post("runs/update", run_id=run_id, status="FINISHED", end_time=2)
    client.call("GET", f"runs/get?run_id={run_id}")
    client.post(
        "runs/search",
        experiment_ids=[experiment_id],
        filter="metrics.loss > 1",
        order_by=["metrics.loss DESC"],
        max_results=50,
    )
