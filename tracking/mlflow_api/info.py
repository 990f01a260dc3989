"""What MLflow's clients ask the server about itself; it needs no token."""

from django.http import HttpRequest, HttpResponse, JsonResponse

# The release whose protocol Attestry speaks, as its tests try it.
MLFLOW_VERSION = "3.17.2"


def server_info(_request: HttpRequest, **_workspace: str) -> JsonResponse:
    """Tell what a client may use: a database behind, no traces.

    Transfers in parts are there for who asks for them. A client that did not would send
    parts past the certificate that it was told to trust.
    """
    return JsonResponse(
        {
            "store_type": "SqlStore",
            "workspaces_enabled": False,
            "trace_archival_enabled": False,
            "multipart_uploads_enabled": False,
            "multipart_downloads_enabled": False,
        }
    )


def version(_request: HttpRequest, **_workspace: str) -> HttpResponse:
    return HttpResponse(MLFLOW_VERSION, content_type="text/plain")


def health(_request: HttpRequest, **_workspace: str) -> HttpResponse:
    return HttpResponse("OK", content_type="text/plain")
