"""Two ways into the native API: by token for programs, by login for people who sign."""

from typing import Any

import requests

_TIMEOUT_SECONDS = 60


class ProblemError(Exception):
    """The server refused (RFC 9457); `detail` is its sentence, `code` never changes."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{status} {code}]")
        self.status = status
        self.code = code
        self.detail = detail


class Attestry:
    """The native API as one account may use it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()

    @classmethod
    def by_token(cls, url: str, token: str) -> "Attestry":
        client = cls(url)
        client._session.headers["Authorization"] = f"Bearer {token}"
        return client

    @classmethod
    def by_login(cls, url: str, username: str, password: str) -> "Attestry":
        """Log in by the form that people use; only such a session may sign."""
        client = cls(url)
        form = f"{client._url}/admin/login/"
        client._session.get(form, timeout=_TIMEOUT_SECONDS).raise_for_status()
        answer = client._session.post(
            form,
            data={
                "username": username,
                "password": password,
                "csrfmiddlewaretoken": client._csrf_token(),
            },
            headers={"Referer": form},
            allow_redirects=False,
            timeout=_TIMEOUT_SECONDS,
        )
        if not answer.is_redirect:
            raise ProblemError(
                answer.status_code, "login_failed", f"{username} could not log in."
            )
        # Logging in changes the CSRF token.
        client._session.headers.update(
            {"X-CSRFToken": client._csrf_token(), "Referer": form}
        )
        return client

    def get(self, path: str, **query: str) -> Any:
        return self._send("GET", path, params=query).json()

    def post(self, path: str, **fields: Any) -> Any:
        return self._send("POST", path, json=fields).json()

    def download(self, path: str) -> bytes:
        return self._send("GET", path).content

    def _csrf_token(self) -> str:
        return self._session.cookies.get("csrftoken") or ""

    def _send(self, method: str, path: str, **request: Any) -> requests.Response:
        answer = self._session.request(
            method, f"{self._url}/api/v1/{path}", timeout=_TIMEOUT_SECONDS, **request
        )
        if answer.ok:
            return answer
        raise _problem(answer)


def _problem(answer: requests.Response) -> ProblemError:
    """Whatever is no problem document comes from a proxy or a crash: say so."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return ProblemError(
            answer.status_code, "no_problem_document", answer.text[:200]
        )
    document = answer.json()
    return ProblemError(
        answer.status_code,
        document.get("code", "unknown"),
        document.get("detail", str(document)),
    )
