"""What a person can do about a row, each act a page of its own (decision 0004)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst

from audit.admin import Row, page_of
from tracking.admin.act_form import ActForm, MakingForm
from tracking.admin.rows import VisibleRowsAdmin, person_asking


@dataclass(frozen=True)
class Act:
    """A form, and who is offered it; the service decides again, and records refusals."""

    form: type[ActForm]
    is_offered: Callable[[User, Any], bool]


class ActsAdmin(VisibleRowsAdmin[Row]):
    """Offers acts on a row's page; `acts` are named by the word in the page's address."""

    acts: ClassVar[dict[str, Act]] = {}

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:pk>/acts/<slug:act>/",
            self.admin_site.admin_view(self.act_view),
            name=self._named("act"),
        )
        return [own, *super().get_urls()]

    def _named(self, word: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{word}"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        subject = context["original"]
        context["acts"] = [
            (self._path_of(subject, name), act.form.heading)
            for name, act in self.acts.items()
            if act.is_offered(person_asking(request), subject)
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    def act_view(self, request: HttpRequest, pk: int, act: str) -> HttpResponse:
        subject = self.get_queryset(request).filter(pk=pk).first()
        if subject is None or act not in self.acts:
            raise Http404
        form = self.acts[act].form(
            _given(request), subject=subject, actor=person_asking(request)
        )
        if form.is_done():
            self.message_user(request, form.done)
            return HttpResponseRedirect(page_of(subject))
        return self._form_page(
            request,
            form,
            title=f"{form.heading}: {subject}",
            subject=subject,
            back=page_of(subject),
        )

    def _form_page(
        self, request: HttpRequest, form: ActForm, **words: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            **words,
        }
        return TemplateResponse(request, "admin/row_act.html", context)

    def _path_of(self, subject: Row, name: str) -> str:
        return reverse(f"admin:{self._named('act')}", args=[subject.pk, name])


class MakingAdmin(ActsAdmin[Row]):
    """Offers to make a row as well, on a page of its own beside the list.

    To whom it is offered is `may_make`, of each table's own; the service decides again.
    """

    change_list_template = "admin/rows_with_making.html"
    making: ClassVar[type[MakingForm]]
    may_make: Callable[[User], bool]

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "make/",
            self.admin_site.admin_view(self.make_view),
            name=self._named("make"),
        )
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        offered = {}
        if self.may_make(person_asking(request)):
            way = reverse(f"admin:{self._named('make')}")
            offered = {"making": (way, self.making.heading)}
        return super().changelist_view(request, offered | (extra_context or {}))

    def make_view(self, request: HttpRequest) -> HttpResponse:
        form = self.making(_given(request), subject=None, actor=person_asking(request))
        if form.is_done():
            return self._made(request, form)
        return self._form_page(
            request,
            form,
            title=form.heading,
            subject=capfirst(self.opts.verbose_name_plural),
            back=reverse(f"admin:{self._named('changelist')}"),
        )

    def _made(self, request: HttpRequest, form: MakingForm) -> HttpResponse:
        """Lead to the new row; a secret of it is printed at once, and kept nowhere."""
        if form.secret is None:
            self.message_user(request, form.done)
            return HttpResponseRedirect(page_of(form.made))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": form.done,
            "form": form,
            "back": page_of(form.made),
        }
        answer = TemplateResponse(request, "admin/shown_once.html", context)
        answer["Cache-Control"] = "no-store"
        return answer


def _given(request: HttpRequest) -> QueryDict | None:
    """Return what a form was sent, which is empty for a form without fields."""
    return request.POST if request.method == "POST" else None
