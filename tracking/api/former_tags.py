"""What the tags of a run were before they were overwritten or removed."""

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from tracking.api.workspace_views import WorkspaceView
from tracking.models import FormerTag


class FormerTagOutput(serializers.ModelSerializer[FormerTag]):
    """A value that a tag had, and until when."""

    class Meta:
        model = FormerTag
        fields = ("key", "value", "ended_at")


class FormerTagsOfRun(WorkspaceView, ListAPIView[FormerTag]):
    """List what the tags of a run were before, newest first."""

    serializer_class = FormerTagOutput

    def get_queryset(self) -> QuerySet[FormerTag]:
        return FormerTag.objects.of([self.run(self.kwargs["run_id"]).subject])
