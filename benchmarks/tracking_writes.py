"""What training code writes, and the run that it reads back: rows of `bench-tracking`."""

from typing import Any

from benchmarks.side_by_side import Client, Once, Row, Side


def _log_metric(client: Client, _: None) -> Once:
    run_id = client.new_run()

    def once(number: int) -> None:
        client.post(
            "runs/log-metric",
            run_id=run_id,
            key="loss",
            value=number / 7,
            timestamp=number,
            step=number,
        )

    return once


def _log_batch_of_all(client: Client, _: None) -> Once:
    runs = [client.new_run() for _ in range(5)]

    def once(number: int) -> None:
        client.post(
            "runs/log-batch",
            run_id=runs[number % len(runs)],
            metrics=points(100, number),
            params=[{"key": f"p{number}-{n}", "value": "1"} for n in range(20)],
            tags=[{"key": f"t{n}", "value": str(number)} for n in range(10)],
        )

    return once


def _log_batch_of_metrics(client: Client, _: None) -> Once:
    run_id = client.new_run()
    return lambda number: client.post(
        "runs/log-batch", run_id=run_id, metrics=points(1000, number)
    )


def _whole_run(client: Client, _: None) -> Once:
    def once(_number: int) -> None:
        run_id = client.new_run()
        client.post("runs/log-batch", run_id=run_id, params=params(20))
        for step in range(50):
            client.post("runs/log-batch", run_id=run_id, metrics=points(4, step))
        for n in range(5):
            client.post("runs/set-tag", run_id=run_id, key=f"t{n}", value="1")
        client.post("runs/update", run_id=run_id, status="FINISHED", end_time=2)

    return once


def _run_with_content(side: Side) -> str:
    client = Client(side)
    run_id = client.new_run()
    client.post(
        "runs/log-batch", run_id=run_id, metrics=points(30, 1), params=params(20)
    )
    return run_id


def _get_run(client: Client, run_id: str) -> Once:
    return lambda _: client.call("GET", f"runs/get?run_id={run_id}")


def points(count: int, step: int) -> list[dict[str, Any]]:
    return [
        {"key": f"m{n}", "value": n / 7, "timestamp": step, "step": step}
        for n in range(count)
    ]


def params(count: int) -> list[dict[str, str]]:
    return [{"key": f"p{n}", "value": "1"} for n in range(count)]


ROWS = (
    Row("log-metric, 1 client", _log_metric, bar=4),
    Row("log-metric, 8 clients", _log_metric, bar=4, clients=8),
    Row("log-batch of 100 metrics, 20 params, 10 tags", _log_batch_of_all, bar=4),
    Row("log-batch of 1,000 metrics", _log_batch_of_metrics, bar=8),
    Row("whole run", _whole_run, bar=4),
    Row(
        "runs/get, 30 metrics and 20 params",
        _get_run,
        bar=4,
        prepare=_run_with_content,
    ),
)
