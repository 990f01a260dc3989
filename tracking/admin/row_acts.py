"""What a person can do about a row, each act a page of its own (decision 0004)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from audit.admin import Row, page_of
from tracking.admin.act_form import ActForm
from tracking.admin.rows import VisibleRowsAdmin, person_asking


@dataclass(frozen=True)
class Act:
    """A form, and who is offered it; the service decides again, and records refusals."""

    form: type[ActForm]
    is_offered: Callable[[User, Any], bool]


class ActsAdmin(VisibleRowsAdmin[Row]):
    """Offers acts on a row's page; `acts` are named by the word in the page's address."""

    change_form_template = "admin/row_with_acts.html"
    acts: ClassVar[dict[str, Act]] = {}

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:pk>/acts/<slug:act>/",
            self.admin_site.admin_view(self.act_view),
            name=self._act_name,
        )
        return [own, *super().get_urls()]

    @property
    def _act_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_act"

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
        # A form without fields is sent empty, so that its data say nothing of the method.
        given = request.POST if request.method == "POST" else None
        form = self.acts[act].form(given, subject=subject, actor=person_asking(request))
        if form.is_done():
            self.message_user(request, form.done)
            return HttpResponseRedirect(page_of(subject))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{form.heading}: {subject}",
            "opts": self.opts,
            "form": form,
            "subject": subject,
            "back": page_of(subject),
        }
        return TemplateResponse(request, "admin/row_act.html", context)

    def _path_of(self, subject: Row, name: str) -> str:
        return reverse(f"admin:{self._act_name}", args=[subject.pk, name])
