"""Findings: open one, list them, move them on, accept their risk by a signature."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.inputs import SignedInput
from registry.api.registry_views import RegistryView
from registry.models import Finding, FindingMove, RiskAcceptance
from registry.models.finding import FindingCause, FindingState, Severity
from registry.services.findings import accept_risk, move_finding, open_finding
from tracking.api.pages import FARTHEST
from tracking.api.workspace_views import parsed, parsed_query
from tracking.people import account_named

# These are given by special paths, not by hand.
_BY_HAND = [FindingCause.REVIEW, FindingCause.INCIDENT, FindingCause.MONITORING]
_MOVED_BY_HAND = [
    state for state in FindingState if state != FindingState.RISK_ACCEPTED
]


class OpenFindingInput(serializers.Serializer[Any]):
    """What is wrong, how bad it is, and who is to mend it."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(
        min_value=1, max_value=FARTHEST, required=False, allow_null=True
    )
    severity = serializers.ChoiceField(Severity.choices)
    cause = serializers.ChoiceField(
        [(cause.value, cause.label) for cause in _BY_HAND], default=FindingCause.REVIEW
    )
    title = serializers.CharField(max_length=200)
    description = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True, default=""
    )
    owner = serializers.CharField(max_length=150, help_text="username of a person")


class MoveFindingInput(serializers.Serializer[Any]):
    """Where the finding goes, and why."""

    to = serializers.ChoiceField([(s.value, s.label) for s in _MOVED_BY_HAND])
    reason = serializers.CharField(max_length=2000)


class AcceptRiskInput(SignedInput):
    """Until when the risk is borne, why, and the password once more."""

    until = serializers.DateTimeField()
    reason = serializers.CharField(max_length=2000)


class FindingFilter(serializers.Serializer[Any]):
    """What a list is narrowed to."""

    registered_model = serializers.CharField(max_length=250, required=False)
    severity = serializers.ChoiceField(Severity.choices, required=False)
    state = serializers.ChoiceField(FindingState.choices, required=False)
    overdue = serializers.BooleanField(required=False, default=False)


class FindingMoveOutput(serializers.ModelSerializer[FindingMove]):
    """One step of a finding."""

    moved_by = serializers.CharField(source="moved_by.username")

    class Meta:
        model = FindingMove
        fields = (
            "from_state",
            "to_state",
            "reason",
            "accepted_until",
            "printed_name",
            "method",
            "moved_by",
            "moved_at",
        )


class RiskAcceptanceOutput(serializers.ModelSerializer[RiskAcceptance]):
    """One signature for the risk of a finding; a later step of the finding voids it."""

    counts = serializers.SerializerMethodField()

    class Meta:
        model = RiskAcceptance
        fields = ("until", "reason", "printed_name", "method", "signed_at", "counts")

    def get_counts(self, signed: RiskAcceptance) -> bool:
        return signed.pk in self.context["counting"]


class FindingLine(serializers.ModelSerializer[Finding]):
    """A finding in a list."""

    registered_model = serializers.CharField(source="registered_model.name")
    version = serializers.IntegerField(
        source="model_version.number", default=None, allow_null=True
    )
    owner = serializers.CharField(source="owner.username")
    opened_by = serializers.CharField(source="opened_by.username")
    is_overdue = serializers.SerializerMethodField()

    class Meta:
        model = Finding
        fields = (
            "id",
            "registered_model",
            "version",
            "severity",
            "cause",
            "title",
            "description",
            "owner",
            "due_at",
            "state",
            "accepted_until",
            "is_overdue",
            "opened_by",
            "opened_at",
        )

    def get_is_overdue(self, finding: Finding) -> bool:
        return finding.is_overdue(timezone.now())


class FindingOutput(FindingLine):
    """A finding with what happened to it, and who signed for its risk, oldest first."""

    moves = serializers.SerializerMethodField()
    acceptances = serializers.SerializerMethodField()

    class Meta(FindingLine.Meta):
        fields = (*FindingLine.Meta.fields, "moves", "acceptances")  # type: ignore[assignment]  # a subclass prints more fields

    def get_moves(self, finding: Finding) -> list[dict[str, Any]]:
        moves = finding.moves.select_related("moved_by").order_by("pk")
        return list(FindingMoveOutput(moves, many=True).data)

    def get_acceptances(self, finding: Finding) -> list[dict[str, Any]]:
        signed = finding.acceptances.order_by("pk")
        counting = finding.acceptances_that_count(timezone.now())
        context = {"counting": set(counting.values_list("pk", flat=True))}
        return list(RiskAcceptanceOutput(signed, many=True, context=context).data)


class Findings(RegistryView, ListAPIView[Finding]):
    """List findings, newest first; open one."""

    serializer_class = FindingLine

    def get_queryset(self) -> QuerySet[Finding]:
        wanted = parsed_query(FindingFilter, self.request)
        findings = Finding.objects.visible_to(self.user).filter(
            registered_model__workspace=self.workspace
        )
        if wanted["overdue"]:
            findings = findings.overdue(timezone.now())
        if name := wanted.get("registered_model"):
            findings = findings.filter(registered_model__name=name)
        for field in ("severity", "state"):
            if value := wanted.get(field):
                findings = findings.filter(**{field: value})
        return findings.with_subject().order_by("-pk")

    @extend_schema(parameters=[FindingFilter])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(request=OpenFindingInput, responses={201: FindingOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(OpenFindingInput, request)
        name, number = fields.pop("registered_model"), fields.pop("version", None)
        fields["owner"] = account_named(fields["owner"])
        finding = open_finding(
            self.model(name),
            version=self.version(name, number) if number else None,
            **fields,
            actor=self.user,
        )
        return Response(FindingOutput(finding).data, status=201)


class OneFinding(RegistryView):
    """A finding and its history."""

    @extend_schema(responses=FindingOutput)
    def get(self, request: Request, pk: int, **_path: str) -> Response:
        return Response(FindingOutput(self.finding(pk)).data)


class FindingMoves(RegistryView):
    """Plan, fix, verify, close or open again."""

    @extend_schema(request=MoveFindingInput, responses={201: FindingOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(MoveFindingInput, request)
        move_finding(
            self.finding(pk),
            to=FindingState(fields["to"]),
            reason=fields["reason"],
            actor=self.user,
        )
        return Response(FindingOutput(self.finding(pk)).data, status=201)


class RiskAcceptances(RegistryView):
    """Sign that the risk is borne until some day; only in a logged-in session.

    At tier 1 two people must, each by a signature of their own.
    """

    @extend_schema(request=AcceptRiskInput, responses={201: FindingOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(AcceptRiskInput, request)
        accept_risk(
            self.finding(pk),
            **fields,
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(FindingOutput(self.finding(pk)).data, status=201)
