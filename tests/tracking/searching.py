"""What the tests of searches share: what a search for runs finds."""


def found(alice, runs, filter_string="", order_by=("run_name",), **options):
    """The names of the runs that a search finds, or the code of its refusal."""
    for number, run in enumerate(runs):
        filter_string = filter_string.replace(f"RUN{number}", run.run_id)
    status, answer = alice.post(
        "runs/search",
        experiment_ids=[str(runs[0].experiment_id)],
        filter=filter_string,
        order_by=list(order_by),
        **options,
    )
    if status != 200:
        assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        return answer["code"]
    return [run["info"]["run_name"] for run in answer.get("runs", [])]
