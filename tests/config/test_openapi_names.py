"""The OpenAPI document is written without a warning: each part of it has its own name."""

from django.core.management import call_command


def test_description_of_the_api_is_valid_and_warns_of_nothing(tmp_path, capsys):
    document = tmp_path / "openapi.yaml"

    call_command("spectacular", validate=True, fail_on_warn=True, file=str(document))

    assert capsys.readouterr().err == ""
    assert "openapi: 3" in document.read_text(encoding="utf-8")
