"""The pages of usage: there, read-only, found by what an index can find."""

import pytest
from django.test import Client
from django.urls import reverse

from ingest.aggregation.rounding import Rounding
from ingest.models import Meter, UsageEvent
from ingest.services.void import void_event
from ingest.services.windows import rebuild_windows
from neruba.actor import SYSTEM
from neruba.models import AuditRecord, Project
from tests import factories
from tests.factories import START, event_body

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LISTS = ("meter", "usageevent", "eventretraction", "failedevent", "usagewindow", "windowseries")


@pytest.fixture
def project() -> Project:
    project = factories.project()
    factories.meter(project=project, code="calls")
    bodies = [event_body(id="a1"), event_body(id="A1", subject="other"), event_body(id="")]
    factories.accept(*bodies, project=project)
    void_event(project=project, source="test", event_id="a1", reason="r", actor=SYSTEM, at=START)
    rebuild_windows(project)
    factories.accept(event_body(id="dirty"), project=project)
    return project


@pytest.fixture
def operator(project: Project) -> Client:
    client = Client()
    client.force_login(factories.operator(project=project, role="owner"))
    return client


@pytest.mark.parametrize("name", [*LISTS, "dirtymark"])
def test_every_list_and_page_is_shown(operator: Client, project: Project, name: str) -> None:
    listed = operator.get(f"/admin/ingest/{name}/")
    assert listed.status_code == 200
    rows = listed.context["cl"].result_list
    assert len(rows) > 0
    assert operator.get(f"/admin/ingest/{name}/{rows[0].pk}/change/").status_code == 200
    assert operator.get(f"/admin/ingest/{name}/?q=acme").status_code == 200


@pytest.mark.parametrize("name", [*LISTS, "dirtymark"])
def test_nothing_is_added_or_deleted_by_hand(operator: Client, project: Project, name: str) -> None:
    rows = operator.get(f"/admin/ingest/{name}/").context["cl"].result_list
    assert operator.get(f"/admin/ingest/{name}/add/").status_code == 403
    assert operator.post(f"/admin/ingest/{name}/{rows[0].pk}/delete/").status_code == 403


@pytest.mark.parametrize(
    ("term", "found"), [("a1", ["a1"]), ("A1", ["A1"]), ("oth", ["A1"]), ("a", ["dirty", "a1"])]
)
def test_events_are_found_by_exact_id_or_beginning_of_a_subject(
    operator: Client, project: Project, term: str, found: list[str]
) -> None:
    listed = operator.get("/admin/ingest/usageevent/", {"q": term})
    assert [event.event_id for event in listed.context["cl"].result_list] == found


def test_a_meter_changes_in_nothing_but_its_name(operator: Client, project: Project) -> None:
    meter = Meter.objects.get()
    change = {"name": "All calls", "code": "x", "event_type": "x", "aggregation": "max"}
    assert operator.post(f"/admin/ingest/meter/{meter.pk}/change/", change).status_code == 403
    given = {**change, "reason": "asked by sales", "_form_submitted": "1"}
    operator.post(reverse("admin:ingest_meter_rename", args=[meter.pk]), given)
    changed = Meter.objects.get()
    assert (changed.name, changed.code, changed.aggregation) == ("All calls", "calls", "count")
    assert changed.history.count() == 2
    noted = AuditRecord.objects.get(action="meter.renamed")
    assert (noted.object_id, noted.reason) == ("calls", "asked by sales")


def test_the_page_of_a_meter_says_how_it_carries_and_rounds(
    operator: Client, project: Project
) -> None:
    pages = []
    for places in (2, -2):
        seats = factories.meter(
            project=project,
            aggregation="sum",
            value_property="n",
            carry_over=True,
            rounding=Rounding("half_up", places),
        )
        page = operator.get(f"/admin/ingest/meter/{seats.pk}/change/")
        pages.append(" ".join(page.content.decode().split()))
    assert "Carries over" in pages[0]
    assert "half up to 2 decimals" in pages[0]
    assert "half up to 100s" in pages[1]


def test_no_list_counts_or_reads_all_rows(operator: Client, project: Project) -> None:
    listed = operator.get("/admin/ingest/usageevent/")
    assert not listed.context["cl"].show_full_result_count
    assert UsageEvent.objects.count() == 3
