"""The whole answer of a refused call to MLflow's API: status, codes and sentence."""

from typing import Any

Answer = tuple[int, dict[str, Any]]


def _refusal(status: int, error_code: str, code: str, message: str) -> Answer:
    return status, {"error_code": error_code, "code": code, "message": message}


def invalid(code: str, message: str) -> Answer:
    return _refusal(400, "INVALID_PARAMETER_VALUE", code, message)


def unauthenticated(code: str, message: str) -> Answer:
    return _refusal(401, "UNAUTHENTICATED", code, message)


def denied(code: str, message: str) -> Answer:
    return _refusal(403, "PERMISSION_DENIED", code, message)


def unknown(code: str, message: str) -> Answer:
    return _refusal(404, "RESOURCE_DOES_NOT_EXIST", code, message)


def conflict(code: str, message: str) -> Answer:
    return _refusal(409, "RESOURCE_CONFLICT", code, message)


def unreadable(reason: str) -> Answer:
    return invalid(
        "message_invalid", f"The message cannot be read: {reason}. Correct the field."
    )


def unknown_run(run_id: str, workspace: str = "default") -> Answer:
    return unknown(
        "run_unknown",
        f"There is no run {run_id!r} in {workspace} that you may see: check the id.",
    )
