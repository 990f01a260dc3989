"""The routes of the tracking floor's native API, relative to a workspace."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
