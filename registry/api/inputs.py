"""What comes in: serializers that only parse."""

from typing import Any

from rest_framework import serializers

from registry.models.sign_off import SignerRole


class RegisterModelInput(serializers.Serializer[Any]):
    """A model with its purpose, tier and owner."""

    name = serializers.RegexField(r"^[\w\-. ]+\Z", max_length=250)
    purpose = serializers.CharField(max_length=5000)
    tier = serializers.IntegerField(min_value=1, max_value=4)
    owner = serializers.CharField(max_length=150, help_text="username of a person")


class RegisterVersionInput(serializers.Serializer[Any]):
    """An artifact of a run, by path and digest."""

    registered_model = serializers.CharField(max_length=250)
    run_id = serializers.CharField(
        max_length=32,
        error_messages={
            "required": "A version needs the run that made it: send its run_id.",
            "blank": "A version needs the run that made it: send its run_id.",
            "null": "A version needs the run that made it: send its run_id.",
        },
    )
    artifact_path = serializers.CharField(max_length=1000)
    artifact_sha256 = serializers.RegexField(
        r"^[0-9a-f]{64}\Z", help_text="lower-case hex of the file's SHA-256"
    )


class DraftPolicyInput(serializers.Serializer[Any]):
    """The whole YAML document as text."""

    document = serializers.CharField(trim_whitespace=False)


class RequestPromotionInput(serializers.Serializer[Any]):
    """A version and the environment that it should serve in."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(min_value=1)
    environment = serializers.SlugField(max_length=50)


class SignOffInput(serializers.Serializer[Any]):
    """What was seen, the role, the meaning of the signature, the password once more."""

    subject_digest = serializers.CharField(
        max_length=71, help_text="of the request, as it was read"
    )
    role = serializers.ChoiceField(SignerRole.choices)
    meaning = serializers.CharField(max_length=500)
    password = serializers.CharField(max_length=200, trim_whitespace=False)
    code = serializers.CharField(
        max_length=10,
        default="",
        allow_blank=True,
        help_text="one-time code of the second factor, for models of tier 1 and 2",
    )


class OrderReportInput(serializers.Serializer[Any]):
    """The version to report on."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(min_value=1)
