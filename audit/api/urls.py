"""The routes of the log: below /log/ as C2SP names them, below /api/v1/log/ as JSON."""

from django.urls import path

from audit.api import entries, resources

c2sp = [
    path("checkpoint", resources.Checkpoint.as_view(), name="log-checkpoint"),
    path("key", resources.Key.as_view(), name="log-key"),
    path("tile/<path:name>", resources.Resource.as_view(), name="log-tile"),
]
api = [
    path("entries/", entries.Entries.as_view()),
    path("entries/<int:index>/", entries.OneEntry.as_view()),
    path("entries/<int:index>/proof", entries.ProofOfEntry.as_view()),
    path("consistency", entries.Consistency.as_view()),
]
