"""What comes in: serializers that only parse."""

from typing import Any

from rest_framework import serializers

from audit.errors import InvalidError
from registry.models import AttestationKind, AttestationSource, WaiverScope
from registry.models.sign_off import SignerRole
from tracking.api.pages import FARTHEST


class RegisterModelInput(serializers.Serializer[Any]):
    """A model with its purpose and owner; its tier is signed elsewhere."""

    name = serializers.RegexField(r"^[\w\-. ]+\Z", max_length=250)
    purpose = serializers.CharField(max_length=5000)
    tier = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="null, or left out: the tier is signed at tier-assessments/",
    )
    owner = serializers.CharField(max_length=150, help_text="username of a person")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.pop("tier", None) is not None:
            raise InvalidError(
                "tier_is_assessed",
                "A model is registered without a risk tier: leave it out, and have the "
                "risk role sign it at tier-assessments/.",
            )
        return attrs


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
    version = serializers.IntegerField(min_value=1, max_value=FARTHEST)
    environment = serializers.SlugField(max_length=50)


class SignedInput(serializers.Serializer[Any]):
    """What every signed act wants: the password once more, and perhaps a code."""

    password = serializers.CharField(max_length=200, trim_whitespace=False)
    code = serializers.CharField(
        max_length=10,
        default="",
        allow_blank=True,
        help_text="one-time code of the second factor, for models of tier 1 and 2",
    )


class SignOffInput(SignedInput):
    """What was seen, the role, the meaning of the signature, the password once more."""

    subject_digest = serializers.CharField(
        max_length=71, help_text="of the request, as it was read"
    )
    role = serializers.ChoiceField(SignerRole.choices)
    meaning = serializers.CharField(max_length=500)
    reason = serializers.CharField(max_length=1000)


class ReasonInput(serializers.Serializer[Any]):
    """Why, for an act that needs no signature."""

    reason = serializers.CharField(max_length=1000)


class SignedReasonInput(SignedInput, ReasonInput):
    """Why, with the password once more."""


class RejectionInput(SignedReasonInput):
    """What was seen, the role that rejects, why, the password once more."""

    subject_digest = serializers.CharField(
        max_length=71, help_text="of the request, as it was read"
    )
    role = serializers.ChoiceField(SignerRole.choices)


class RequestWaiverInput(serializers.Serializer[Any]):
    """An open gate, and why it may be let through, with what instead, for how long."""

    gate = serializers.SlugField(max_length=50)
    scope = serializers.ChoiceField(WaiverScope.choices, default=WaiverScope.REQUEST)
    reason = serializers.CharField(max_length=2000)
    compensating_control = serializers.CharField(max_length=2000)
    residual_risk = serializers.CharField(max_length=2000)
    days = serializers.IntegerField(min_value=1, max_value=90)


class AttestInput(SignedInput):
    """What was done for a version; a person sends the password once more."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(min_value=1, max_value=FARTHEST)
    environment = serializers.SlugField(max_length=50)
    kind = serializers.ChoiceField(AttestationKind.choices)
    source = serializers.ChoiceField(AttestationSource.choices)  # type: ignore[assignment]  # a field of that name, not the option
    statement = serializers.CharField(max_length=2000)
    link = serializers.URLField(max_length=1000, default="")
    evidence_sha256 = serializers.RegexField(
        r"^[0-9a-f]{64}\Z", default="", help_text="lower-case hex of what it rests on"
    )
    days = serializers.IntegerField(min_value=1, max_value=730, default=90)
    password = serializers.CharField(
        max_length=200, trim_whitespace=False, default="", help_text="of a person"
    )


class OrderReportInput(serializers.Serializer[Any]):
    """The version to report on."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(min_value=1, max_value=FARTHEST)
