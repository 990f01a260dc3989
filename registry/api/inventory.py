"""How the inventory of models is printed."""

from typing import Any

from rest_framework import serializers

from registry.models.model_card import Origin


class ServingOutput(serializers.Serializer[Any]):
    """A champion, and when it must be validated again; null: only when triggered."""

    environment = serializers.CharField()
    version = serializers.IntegerField(source="version.number")
    in_emergency = serializers.BooleanField()
    validated_at = serializers.DateTimeField(source="due.validated_at", allow_null=True)
    revalidation_due_at = serializers.DateTimeField(source="due.at", allow_null=True)
    revalidation_cause = serializers.CharField(source="due.why")


class InventoryOutput(serializers.Serializer[Any]):
    """A model with its newest card; what is null or empty was not stated."""

    name = serializers.CharField(source="model.name")
    description = serializers.CharField(source="model.description")
    purpose = serializers.CharField(source="model.purpose")
    tier = serializers.IntegerField(source="model.tier", allow_null=True)
    owner = serializers.CharField(
        source="model.owner.username", default=None, allow_null=True
    )
    created_at = serializers.DateTimeField(source="model.created_at")
    limits_of_use = serializers.CharField(
        source="card.limits_of_use", default=None, allow_null=True
    )
    origin = serializers.ChoiceField(
        Origin.choices, source="card.origin", default=None, allow_null=True
    )
    vendor = serializers.CharField(source="card.vendor", default=None, allow_null=True)
    executive = serializers.CharField(
        source="card.executive.username", default=None, allow_null=True
    )
    upstream = serializers.ListField(child=serializers.CharField())
    downstream = serializers.ListField(child=serializers.CharField())
    champions = ServingOutput(source="serving", many=True)
    open_findings = serializers.DictField(child=serializers.IntegerField())
    overdue_findings = serializers.IntegerField()
    next_revalidation = serializers.DateTimeField(allow_null=True)
    is_retired = serializers.BooleanField()
