"""Datasets in the Django admin, with their cards and lineage; a new card is an act."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html, format_html_join

from audit.admin import NOTHING, code, link, moment, table, utc
from tracking.admin.act_form import ActForm
from tracking.admin.dependants import leads_to_dependants
from tracking.admin.row_acts import Act, ActsAdmin
from tracking.admin.rows import link_to_person
from tracking.lineage import Walk, lineage_of
from tracking.models import Dataset, DatasetCard
from tracking.models.dataset import Sensitivity
from tracking.permissions import may_describe_dataset
from tracking.services.datasets import describe_dataset

NOBODY_LOOKED, NO_LABEL, LABELS = "not_stated", "none", "labels"
MOST_LABELLERS = 100
AS_IT_STOOD = ("rows", "window_start", "window_end", "labels", "licence", "known_gaps")


def _day_field(label: str) -> forms.DateField:
    return forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        label=label,
    )


def _long_field(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        max_length=10_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        label=label,
        help_text=help_text,
    )


class DescribeForm(ActForm):
    """A new card, whole; it begins with what the newest one states."""

    heading = "Describe"
    button = "State this card"
    done = "The card is stated, and counts from now on."

    rows = forms.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    window_start = _day_field("First day that the data are about")
    window_end = _day_field("Last day that the data are about")
    labels = _long_field("Labels", "How the data were labelled, and by what. No names.")
    labellers = forms.CharField(
        required=False,
        label="Labelled by",
        help_text="Usernames of those who have an account, with blanks between.",
    )
    licence = forms.RegexField(
        r"^[A-Za-z0-9.+:() -]*\Z",
        max_length=200,
        required=False,
        help_text="An SPDX expression, or LicenseRef- and a name.",
    )
    looked = forms.ChoiceField(
        choices=[
            (NOBODY_LOOKED, "nobody has looked yet"),
            (NO_LABEL, "somebody looked, and no label applies"),
            (LABELS, "these labels apply:"),
        ],
        initial=NOBODY_LOOKED,
        widget=forms.RadioSelect,
        label="Are the data sensitive?",
    )
    sensitivity = forms.MultipleChoiceField(
        choices=[(label.value, label.value) for label in Sensitivity],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Labels of sensitive data",
    )
    known_gaps = _long_field("Known gaps", "What the data do not hold. No names.")
    replaces = forms.IntegerField(initial=0, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        card = subject.cards.newest().with_people().first()
        if card is not None:
            self.initial = _stated_on(card)

    def clean_labellers(self) -> list[str]:
        usernames = re.split(r"[\s,]+", self.cleaned_data["labellers"])
        named = [username for username in usernames if username]
        if len(named) > MOST_LABELLERS:
            raise forms.ValidationError(f"Name at most {MOST_LABELLERS}.")
        return named

    def clean(self) -> None:
        labels = self.cleaned_data.get("sensitivity") or []
        looked = self.cleaned_data.get("looked")
        if looked == LABELS and not labels:
            self.add_error("sensitivity", "Tick those that apply, or say otherwise.")
        if looked in {NOBODY_LOOKED, NO_LABEL} and labels:
            self.add_error(
                "looked", "Labels are ticked below: say that they apply, or clear them."
            )

    def act(self) -> None:
        given = self.fields_given
        if given.pop("looked") == NOBODY_LOOKED:
            given["sensitivity"] = None
        describe_dataset(self.subject, **given, actor=self.actor)


def _stated_on(card: DatasetCard) -> dict[str, Any]:
    looked = NOBODY_LOOKED
    if card.sensitivity is not None:
        looked = LABELS if card.sensitivity else NO_LABEL
    return {
        **{name: getattr(card, name) for name in AS_IT_STOOD},
        "labellers": _labellers(card),
        "replaces": card.number,
        "looked": looked,
        "sensitivity": card.sensitivity or [],
    }


def _labellers(card: DatasetCard) -> str:
    return " ".join(sorted(person.user.username for person in card.labellers.all()))


def _sensitivity(card: DatasetCard | None) -> str:
    if card is None or card.sensitivity is None:
        return "not stated"
    return ", ".join(card.sensitivity) or "no label applies"


def _window(card: DatasetCard) -> str:
    days = (card.window_start, card.window_end)
    if days == (None, None):
        return NOTHING
    return " to ".join(day.isoformat() if day else "?" for day in days)


def _rows(card: DatasetCard) -> str:
    return NOTHING if card.rows is None else f"{card.rows:,}"


@admin.register(Dataset)
class DatasetAdmin(ActsAdmin[Dataset]):
    """Datasets of the workspaces that one sees, what is known of them, and their lineage."""

    subject_pattern = r"dataset/(?P<workspace__name>[^/]+)/(?P<pk>\d+)"
    list_display = (
        "name",
        code("digest", "digest"),
        "workspace",
        "rows_stated",
        "sensitive",
        moment("created_at", "known since"),
    )
    search_fields = ("name", "digest")
    ordering = ("-id",)
    page = (
        "name",
        code("digest", "digest"),
        "workspace",
        "source_type",
        "whence",
        moment("created_at", "known since"),
        "card",
        "earlier_cards",
        "made_from",
        "came_of_it",
        "models_made",
        leads_to_dependants("dataset"),
    )
    acts: ClassVar[dict[str, Act]] = {
        "describe": Act(
            DescribeForm,
            lambda actor, dataset: may_describe_dataset(actor, dataset.workspace),
        )
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        rows: Any = super().get_queryset(request)
        return rows.with_newest_card().defer("schema", "profile")  # type: ignore[no-any-return]  # its own QuerySet

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        return False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Dataset:
        """Read the lineage for who asks, of the runs that they may see."""
        dataset: Any = super().get_object(request, object_id, from_field)
        dataset.lineage = lineage_of(dataset, user=request.user)  # type: ignore[arg-type]  # admin_view lets nobody else in
        return dataset  # type: ignore[no-any-return]  # as above

    @admin.display(description="rows")
    def rows_stated(self, dataset: Dataset) -> str:
        return _rows(dataset.newest_card) if dataset.newest_card else NOTHING

    @admin.display(description="sensitive")
    def sensitive(self, dataset: Dataset) -> str:
        return _sensitivity(dataset.newest_card)

    @admin.display(description="source")
    def whence(self, dataset: Dataset) -> str:
        return format_html("<code>{}</code>", dataset.origin or dataset.source)

    @admin.display(description="card that counts")
    def card(self, dataset: Dataset) -> str:
        card = dataset.newest_card
        if card is None:
            return "nobody has written one"
        return table(
            ("what", "stated"),
            (
                ("number", card.number),
                ("rows", _rows(card)),
                ("window", _window(card)),
                ("labels", card.labels or NOTHING),
                ("labelled by", _labellers(card) or NOTHING),
                ("licence", card.licence or NOTHING),
                ("sensitivity", _sensitivity(card)),
                ("known gaps", card.known_gaps or NOTHING),
                ("stated by", link_to_person(card.created_by)),
                ("stated at", utc(card.created_at)),
            ),
        )

    @admin.display(description="earlier cards, newest first")
    def earlier_cards(self, dataset: Dataset) -> str:
        cards = dataset.cards.with_people().order_by("-number")[1:]
        return table(
            ("number", "rows", "window", "licence", "sensitivity", "by", "at"),
            (
                (
                    card.number,
                    _rows(card),
                    _window(card),
                    card.licence or NOTHING,
                    _sensitivity(card),
                    link_to_person(card.created_by),
                    utc(card.created_at),
                )
                for card in cards
            ),
        )

    @admin.display(description="made from")
    def made_from(self, dataset: Any) -> str:
        return _walk(dataset.lineage.backward, "made by", "from")

    @admin.display(description="what came of it")
    def came_of_it(self, dataset: Any) -> str:
        return _walk(dataset.lineage.forward, "used by", "which made")

    @admin.display(description="logged models made with it")
    def models_made(self, dataset: Any) -> str:
        return table(
            ("logged model", "by"),
            (
                (made.logged_model.name, link(made.run))
                for made in dataset.lineage.logged_models
            ),
        )


def _walk(walk: Walk, by: str, others: str) -> str:
    rows: list[Iterable[object]] = [
        (
            step.depth,
            link(step.dataset),
            link(step.run),
            step.context or NOTHING,
            format_html_join(", ", "{}", ((link(other),) for other in step.datasets))
            or NOTHING,
        )
        for step in walk.steps
    ]
    if walk.is_cut:
        rows.append(("… and more", *[NOTHING] * 4))
    return table(("step", "dataset", by, "context", others), rows)
