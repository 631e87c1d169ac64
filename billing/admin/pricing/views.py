"""The page on which the next version of a plan is written, tried and made.

Everything is sent by POST and answered as HTML: the whole page without JavaScript, and with it the
part that changes, which the header `X-Part` names. Nothing is stored but by `save`.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.views import View

from billing.admin.pricing.editor import Editor, editor_of, with_faults
from billing.admin.pricing.reading import Reading, definition_of, read
from billing.admin.pricing.sent import Sent, sent
from billing.admin.pricing.trial import Trial, own_quantities, trial_of
from billing.admin.pricing.what_if import Panel, SpanForm, panel_of, usual_span
from billing.models import Plan, PlanVersion
from billing.rating.lines import rounding_of
from billing.services.plans import create_plan_version
from ingest.models import Meter
from neruba import clock
from neruba.admin.dialogs import MAX_REASON, operator
from neruba.admin.page import page_of
from neruba.admin.place import in_place, project_of
from neruba.edge import run_atomic
from neruba.errors import InvalidError, NerubaError
from neruba.models import Project

PERMISSION = "billing.add_planversion"
PARTS = {
    "form": "billing/price_form_editor.html",
    "shown": "billing/price_form_shown.html",
    "what-if": "billing/price_form_what_if.html",
}
PAGE = "billing/price_form.html"
NUMBER = re.compile(r"[0-9]{1,9}")
PLANS = "admin:billing_plan_changelist"
METERS_SHOWN = 500
# Places outside the definition, which have their faults too.
ELSEWHERE = ("code", "prices", "entitlements", "definition", "quantities", "reason")
# Those of them that a text has no fields for.
OF_FIELDS = {"/prices", "/entitlements"}


@dataclass
class Written:
    """What was written, read: the form of it, and what its price comes to."""

    state: Sent
    reading: Reading
    editor: Editor
    trial: Trial | None


class PriceForm(View):
    """Writes a plan's next version; without an `object_id` the first version of a new plan."""

    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        if project_of(request) is None:
            return redirect("choose_project")
        return super().dispatch(request, *args, **kwargs)

    @property
    def project(self) -> Project:
        project = project_of(self.request)
        assert project is not None
        return project

    @cached_property
    def plan(self) -> Plan | None:
        """The plan of the address; not found where it is another project's."""
        pk = self.kwargs.get("object_id")
        if pk is None:
            return None
        rows = in_place(Plan.objects.select_related("project"), self.request, "project")
        plan: Plan | None = rows.filter(pk=pk).first() if pk.isdecimal() else None
        if plan is None:
            raise Http404
        return plan

    @cached_property
    def latest(self) -> PlanVersion | None:
        if self.plan is None:
            return None
        versions = self.plan.versions.select_related("plan").prefetch_related("prices")
        return versions.order_by("-version").first()

    @property
    def code(self) -> str:
        return self.request.POST.get("code", "") if self.plan is None else self.plan.code

    def get(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        state = Sent(definition_of(self.latest if self.plan else None))
        kinds = [price.get("kind") for price in state.definition["prices"]]
        # What is written most is what usage costs.
        state.index = kinds.index("usage") if "usage" in kinds else 0
        return self._answer(self._written(state), {})

    def post(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        assert self.plan is not None or object_id is None
        written = self._written(sent(request.POST))
        act = request.POST.get("act", "").partition(":")[0]
        if act == "save":
            return self._save(written)
        more = self._what_if(written) if act == "what-if" and self.plan is not None else {}
        return self._answer(written, more)

    def _written(self, state: Sent) -> Written:
        """Read and rate what was written. What is wrong is said from the first POST on: nobody has
        filled in anything before.
        """
        reading = read(self.project, self.code, state.definition)
        parsed = reading.prices
        meters = Meter.objects.filter(project=self.project).order_by("code")
        editor = editor_of(
            state.definition,
            index=state.index,
            parsed=parsed,
            meters=tuple((one.code, one.name or one.code) for one in meters[:METERS_SHOWN]),
        )
        placed = self._placed(state, reading, editor)
        trial = None
        price = parsed[state.index] if state.index < len(parsed) else None
        if price is not None:
            try:
                own = own_quantities(state.quantities)
            except InvalidError as error:
                own, placed["/quantities"] = [], error.detail
            trial = trial_of(
                price,
                own,
                currency=str(state.definition.get("currency") or self.project.currency),
                rounding=rounding_of(self.project.policy),
            )
        written = Written(state, reading, with_faults(editor, placed), trial)
        self.placed = placed
        return written

    def _placed(self, state: Sent, reading: Reading, editor: Editor) -> dict[str, str]:
        """What is wrong by its place. Of a text that is no definition nothing else is said."""
        if self.request.method != "POST":
            return {}
        if state.fault:
            return {"/definition": state.fault}
        elsewhere = {f"/{name}" for name in ELSEWHERE}
        # A text has no fields: what is wrong with it stands above it, with its pointer.
        if state.view == "json":
            return reading.placed(elsewhere - OF_FIELDS)
        return reading.placed(editor.places | elsewhere)

    def _save(self, written: Written) -> HttpResponse:
        """Make the version; a refusal is shown at its field."""
        post, reading = self.request.POST, written.reading
        reason = post.get("reason", "").strip()
        if not 0 < len(reason) <= MAX_REASON:
            self.placed["/reason"] = "Say why, for the audit history."
        if written.state.fault or reading.asked is None or "/reason" in self.placed:
            return self._answer(written, {}, status=400)
        asked, based_on = reading.asked, post.get("based_on", "")

        def work() -> Any:
            return create_plan_version(
                project=self.project,
                **asked,
                based_on=int(based_on) if NUMBER.fullmatch(based_on) else -1,
                actor=operator(self.request),
                reason=reason,
                at=clock.now(self.project),
            )

        try:
            made = run_atomic(work)
        except NerubaError as error:
            place = error.pointer if error.pointer in written.editor.places else ""
            self.placed[place or "/code"] = error.detail
            written.editor = with_faults(written.editor, self.placed)
            return self._answer(written, {}, status=400)
        words = "It says what version {} says already." if made.replayed else "Version {} was made."
        messages.success(self.request, words.format(made.version.version))
        return redirect(page_of(made.version.plan))

    def _what_if(self, written: Written) -> dict[str, Any]:
        """The answer on real usage, or why there is none."""
        assert self.plan is not None
        span = SpanForm(self.request.POST)
        asked = written.reading.asked
        if written.state.fault or asked is None:
            return {"span": span, "refusal": "The draft has a fault: see its fields."}
        if not span.is_valid():
            return {"span": span, "refusal": "These days make no sense: see their fields."}
        panel: Panel | None = None
        try:
            panel, refusal = panel_of(self.plan, asked, span.cleaned_data), ""
        except NerubaError as error:
            refusal = error.detail
        return {"span": span, "panel": panel, "refusal": refusal}

    def _answer(self, written: Written, more: dict[str, Any], *, status: int = 200) -> HttpResponse:
        number = 0 if self.latest is None else self.latest.version
        title = f"Version {number + 1} of {self.code}" if self.plan else "A new plan"
        now = clock.now(self.project)
        post = self.request.POST
        context = {
            "written": written,
            "editor": written.editor,
            "state": written.state,
            "trial": written.trial,
            "faults": self.placed,
            "code": self.code,
            "plan": self.plan,
            "plan_url": page_of(self.plan) if self.plan else reverse(PLANS),
            "based_on": post.get("based_on", number),
            "next": number + 1,
            "reason": post.get("reason", ""),
            **{f"{name}_fault": self.placed.get(f"/{name}", "") for name in ELSEWHERE},
            "span": SpanForm(initial=usual_span(self.project, now)),
            "chart": written.trial.chart if written.trial else None,
            **more,
        }
        part = PARTS.get(self.request.headers.get("X-Part", ""))
        if part is None:
            context |= {**admin.site.each_context(self.request), "title": title}
        answer = TemplateResponse(self.request, part or PAGE, context, status=status)
        answer["Vary"] = "X-Part"
        return answer
