"""What happens to a slot beside promotions: challengers, rollback, break-glass, freezes."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from registry.api.inputs import SignedInput
from registry.api.registry_views import RegistryView
from registry.models import BreakGlass, Challenger, Freeze, Rollback, Slot
from registry.models.break_glass import LONGEST_HOURS
from registry.models.sign_off import SignerRole
from registry.services.break_glass import ask_to_break_glass, confirm_break_glass
from registry.services.rollbacks import lift_freeze, roll_back
from registry.services.slots import add_challenger, remove_challenger
from tracking.api.pages import FARTHEST
from tracking.api.workspace_views import parsed
from tracking.models.access import Scope

ROLES = [(role.value, role.label) for role in (SignerRole.OWNER, SignerRole.RISK)]


class _ReasonedInput(serializers.Serializer[Any]):
    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(min_value=1, max_value=FARTHEST)
    environment = serializers.SlugField(max_length=50)
    reason = serializers.CharField(max_length=2000)


class ChallengerInput(_ReasonedInput):
    """A version to run, or no longer to run, beside the champion, and why."""


class RollBackInput(_ReasonedInput):
    """The version to go back to, and why."""


class AskToBreakGlassInput(SignedInput, _ReasonedInput):
    """The version that must serve, for how long, in which role one signs."""

    hours = serializers.IntegerField(min_value=1, max_value=LONGEST_HOURS)
    role = serializers.ChoiceField(ROLES)


class ConfirmBreakGlassInput(SignedInput):
    """The other role, and the password once more."""

    role = serializers.ChoiceField(ROLES)


class LiftFreezeInput(SignedInput):
    """What the review came to, and the password once more."""

    conclusion = serializers.CharField(max_length=2000)


class ChallengerOutput(serializers.ModelSerializer[Challenger]):
    """A challenger; `number` counts how many were tried for the slot so far."""

    registered_model = serializers.CharField(source="slot.registered_model.name")
    environment = serializers.CharField(source="slot.environment")
    version = serializers.IntegerField(source="model_version.number")
    champion_version = serializers.IntegerField(
        source="champion.number", default=None, allow_null=True
    )
    removed_at = serializers.DateTimeField(
        source="removal.removed_at", default=None, allow_null=True
    )

    class Meta:
        model = Challenger
        fields = (
            "registered_model",
            "environment",
            "number",
            "version",
            "champion_version",
            "same_datasets",
            "reason",
            "added_at",
            "removed_at",
        )


class RollbackOutput(serializers.ModelSerializer[Rollback]):
    """A rollback, with its finding and the freeze that somebody must lift."""

    registered_model = serializers.CharField(source="slot.registered_model.name")
    environment = serializers.CharField(source="slot.environment")
    rolled_back_version = serializers.IntegerField(source="rolled_back.number")
    version = serializers.IntegerField(source="promotion.request.model_version.number")
    finding = serializers.IntegerField(source="finding_id")
    freeze = serializers.IntegerField(source="freeze.pk")
    review_due_at = serializers.DateTimeField(source="freeze.review_due_at")

    class Meta:
        model = Rollback
        fields = (
            "registered_model",
            "environment",
            "rolled_back_version",
            "version",
            "finding",
            "freeze",
            "review_due_at",
            "rolled_back_at",
        )


class FreezeOutput(serializers.ModelSerializer[Freeze]):
    """A freeze; `lifted_at` is null while nothing is promoted into the slot."""

    registered_model = serializers.CharField(source="slot.registered_model.name")
    environment = serializers.CharField(source="slot.environment")
    rolled_back_version = serializers.IntegerField(source="rollback.rolled_back.number")
    reason = serializers.CharField(source="rollback.reason")
    lifted_at = serializers.DateTimeField(
        source="lifting.lifted_at", default=None, allow_null=True
    )
    lifted_by = serializers.CharField(
        source="lifting.printed_name", default=None, allow_null=True
    )
    conclusion = serializers.CharField(
        source="lifting.conclusion", default=None, allow_null=True
    )

    class Meta:
        model = Freeze
        fields = (
            "id",
            "registered_model",
            "environment",
            "rolled_back_version",
            "reason",
            "frozen_at",
            "review_due_at",
            "lifted_at",
            "lifted_by",
            "conclusion",
        )


class BreakGlassOutput(serializers.ModelSerializer[BreakGlass]):
    """An emergency; the fields of the confirmation are null until somebody confirms."""

    registered_model = serializers.CharField(source="slot.registered_model.name")
    environment = serializers.CharField(source="slot.environment")
    version = serializers.IntegerField(source="model_version.number")
    confirmed_by = serializers.CharField(
        source="confirmation.printed_name", default=None, allow_null=True
    )
    confirmed_at = serializers.DateTimeField(
        source="confirmation.confirmed_at", default=None, allow_null=True
    )
    expires_at = serializers.DateTimeField(
        source="confirmation.expires_at", default=None, allow_null=True
    )
    fallback_version = serializers.IntegerField(
        source="confirmation.fallback.number", default=None, allow_null=True
    )
    finding = serializers.IntegerField(
        source="confirmation.finding_id", default=None, allow_null=True
    )

    class Meta:
        model = BreakGlass
        fields = (
            "id",
            "registered_model",
            "environment",
            "version",
            "reason",
            "hours",
            "asked_as",
            "printed_name",
            "asked_at",
            "lapses_at",
            "confirmed_by",
            "confirmed_at",
            "expires_at",
            "fallback_version",
            "finding",
        )


class Challengers(RegistryView, ListAPIView[Challenger]):
    """List every challenger that was tried, newest first; add one."""

    serializer_class = ChallengerOutput

    def get_queryset(self) -> QuerySet[Challenger]:
        challengers = Challenger.objects.filter(
            slot__in=Slot.objects.visible_to(self.user),
            slot__registered_model__workspace=self.workspace,
        )
        if name := self.request.query_params.get("registered_model"):
            challengers = challengers.filter(slot__registered_model__name=name)
        return challengers.select_related(
            "slot__registered_model", "model_version", "champion", "removal"
        ).order_by("-pk")

    @extend_schema(request=ChallengerInput, responses={201: ChallengerOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(ChallengerInput, request)
        challenger = add_challenger(
            self.version(fields.pop("registered_model"), fields.pop("version")),
            **fields,
            actor=self.user,
        )
        return Response(ChallengerOutput(challenger).data, status=201)


class ChallengerRemovals(RegistryView):
    """Withdraw a challenger; that it was tried stays on record."""

    @extend_schema(request=ChallengerInput, responses={201: ChallengerOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(ChallengerInput, request)
        removal = remove_challenger(
            self.version(fields.pop("registered_model"), fields.pop("version")),
            **fields,
            actor=self.user,
        )
        return Response(ChallengerOutput(removal.challenger).data, status=201)


class Rollbacks(RegistryView):
    """Go back to a version that still holds its approval."""

    write_scopes = frozenset({Scope.PROMOTE})

    @extend_schema(request=RollBackInput, responses={201: RollbackOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(RollBackInput, request)
        to = self.version(fields["registered_model"], fields["version"])
        slot = self.slot(to.registered_model.name, fields["environment"])
        rollback = roll_back(slot, to=to, reason=fields["reason"], actor=self.user)
        return Response(RollbackOutput(rollback).data, status=201)


class Freezes(RegistryView, ListAPIView[Freeze]):
    """List freezes, newest first (`?in_force=true`)."""

    serializer_class = FreezeOutput

    def get_queryset(self) -> QuerySet[Freeze]:
        freezes = Freeze.objects.visible_to(self.user).filter(
            slot__registered_model__workspace=self.workspace
        )
        if self.request.query_params.get("in_force") == "true":
            freezes = freezes.in_force()
        return freezes.select_related(
            "slot__registered_model__workspace", "rollback__rolled_back", "lifting"
        ).order_by("-pk")


class FreezeLiftings(Freezes):
    """Sign that a rollback was reviewed; only in a logged-in session."""

    http_method_names = ("post", "options")

    @extend_schema(request=LiftFreezeInput, responses={201: FreezeOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(LiftFreezeInput, request)
        freeze = self.get_queryset().filter(pk=pk).first()
        if freeze is None:
            raise NotFoundError(
                "freeze_unknown",
                f"There is no freeze {pk} that you may see: check the id.",
            )
        lift_freeze(
            freeze, **fields, is_interactive=request.auth is None, actor=self.user
        )
        return Response(FreezeOutput(self.get_queryset().get(pk=pk)).data, status=201)


class BreakGlasses(RegistryView, ListAPIView[BreakGlass]):
    """List emergencies, newest first; ask for one in a logged-in session."""

    write_scopes = frozenset({Scope.PROMOTE})
    serializer_class = BreakGlassOutput

    def get_queryset(self) -> QuerySet[BreakGlass]:
        return (
            BreakGlass.objects.visible_to(self.user)
            .filter(slot__registered_model__workspace=self.workspace)
            .select_related(
                "slot__registered_model__workspace",
                "model_version__registered_model__workspace",
                "model_version__source_run",
                "confirmation__fallback",
            )
            .order_by("-pk")
        )

    @extend_schema(request=AskToBreakGlassInput, responses={201: BreakGlassOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(AskToBreakGlassInput, request)
        fields["role"] = SignerRole(fields["role"])
        asked = ask_to_break_glass(
            self.version(fields.pop("registered_model"), fields.pop("version")),
            **fields,
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(BreakGlassOutput(asked).data, status=201)


class BreakGlassConfirmations(BreakGlasses):
    """Confirm an emergency, as the other of the two; only in a logged-in session."""

    http_method_names = ("post", "options")

    @extend_schema(request=ConfirmBreakGlassInput, responses={201: BreakGlassOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:  # type: ignore[override]  # its route has a key
        fields = parsed(ConfirmBreakGlassInput, request)
        asked = self.get_queryset().filter(pk=pk).first()
        if asked is None:
            raise NotFoundError(
                "break_glass_unknown",
                f"There is no emergency {pk} that you may see: check the id.",
            )
        confirm_break_glass(
            asked,
            role=SignerRole(fields["role"]),
            password=fields["password"],
            code=fields["code"],
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(
            BreakGlassOutput(self.get_queryset().get(pk=pk)).data, status=201
        )
