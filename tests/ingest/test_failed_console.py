"""What operators do with failed events: see why, mend, resubmit, discard, reopen."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from ingest.admin import failed_event
from ingest.models import DirtyMark, FailedEvent, UsageEvent
from neruba.models import AuditRecord, Project
from tests import factories
from tests.factories import START, event_body

pytestmark = [pytest.mark.django_db, pytest.mark.once]

EMAIL = "ada@neruba.example"
LIST = "/admin/ingest/failedevent/"
GOOD = event_body(id="a", data={"n": 2})
GOOD_TEXT = (
    '{"id": "a", "source": "test", "type": "call", "subject": "acme",\n'
    ' "time": "2026-01-01T00:00:00Z", "data": {"n": %s}}'
)


@pytest.fixture
def project() -> Project:
    project = factories.project()
    factories.meter(project=project, code="tokens", aggregation="sum", value_property="n")
    return project


@pytest.fixture
def operator(client: Client, project: Project) -> Client:
    return logged_in(
        client, project, "view_failedevent", "resubmit_failedevent", "discard_failedevent"
    )


def logged_in(client: Client, project: Project, *permissions: str) -> Client:
    client.force_login(factories.poor(*permissions, project=project, email=EMAIL))
    return client


def failed(project: Project, **attributes: Any) -> FailedEvent:
    """Acme's event `a`, kept because it was wrong in some way."""
    body = {**GOOD, "data": {"n": "many"}, **attributes}
    (outcome,) = factories.accept(body, project=project)
    assert outcome.outcome == "failed"
    return FailedEvent.objects.latest("pk")


def submit(client: Client, act: str, row: FailedEvent | None = None, **values: str) -> HttpResponse:
    address = reverse(f"admin:ingest_failedevent_{act}", args=[row.pk] if row else [])
    given = {"_form_submitted": "1", "reason": "asked by acme", **values}
    answer: HttpResponse = client.post(address, given)  # type: ignore[assignment]
    return answer


def shown(answer: HttpResponse) -> str:
    return html.unescape(answer.content.decode())


def page(client: Client, row: FailedEvent) -> str:
    return html.unescape(client.get(f"{LIST}{row.pk}/change/").content.decode())


def stored() -> list[Any]:
    """All that an act could change."""
    models = (FailedEvent, UsageEvent, AuditRecord, DirtyMark)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


# Seeing


def test_the_list_is_of_open_ones_unless_it_is_asked_for_others(
    operator: Client, project: Project
) -> None:
    open_one, gone = failed(project), failed(project, id="b")
    submit(operator, "discard", gone)

    def listed(**query: str) -> list[FailedEvent]:
        return list(operator.get(LIST, query).context["cl"].result_list)

    assert listed() == [open_one]
    assert listed(state="discarded") == [gone]
    assert set(listed(state="all")) == {open_one, gone}
    assert listed(state="resubmitted") == []


def test_the_page_says_what_is_wrong_where_and_with_which_numbers(
    operator: Client, project: Project
) -> None:
    number = 12345678901234567890123
    row = failed(project, data={"n": "many", "big": number, "f": 1.10}, time=None)
    failed(project, data={"n": "many", "big": number, "f": 1.10}, time=None)
    text = page(operator, row)
    assert "Meter 'tokens' cannot use it: 'n' is not" in text
    assert "/data/n" in text
    assert f'    "big": {number},\n    "f": 1.1,\n    "n": "many"' in text
    assert "2 times" in text
    assert "It names no time" in text
    assert "Nobody has decided on it yet." in text


def test_a_page_offers_what_its_state_allows(operator: Client, project: Project) -> None:
    row = failed(project)
    acts = {"Mend and resubmit", "Resubmit as it is", "Discard", "Reopen"}

    def offered() -> set[str]:
        actions = operator.get(f"{LIST}{row.pk}/change/").context["actions_detail"]
        return {action["title"] for action in actions}

    assert offered() == acts - {"Reopen"}
    submit(operator, "discard", row)
    assert offered() == {"Reopen"}
    submit(operator, "reopen", row)
    submit(operator, "mend", row, event=GOOD_TEXT % 1)
    assert offered() == set()


# Mending


def test_the_dialog_holds_the_body_over_several_lines(operator: Client, project: Project) -> None:
    row = failed(project, data={"n": "many", "f": 12345678901234567890})
    address = reverse("admin:ingest_failedevent_mend", args=[row.pk])
    before = stored()
    dialog = html.unescape(operator.get(address).content.decode())
    assert '{\n  "data": {\n    "f": 12345678901234567890,\n    "n": "many"\n  },' in dialog
    assert stored() == before


def test_a_mended_event_is_accepted_and_the_page_says_who_and_why(
    operator: Client, project: Project
) -> None:
    row = failed(project)
    number = "1234567890123456789.123456789"

    answer = submit(operator, "mend", row, event=GOOD_TEXT % number)

    assert answer["HX-Redirect"] == f"{LIST}{row.pk}/change/"
    event = UsageEvent.objects.get()
    assert (event.data, event.received_at) == (f'{{"n":{number}}}', START)
    row.refresh_from_db()
    assert (row.state, row.resubmitted_as, row.count) == ("resubmitted", event, 1)
    audit = AuditRecord.objects.get(action="failed_event.resubmitted")
    assert (audit.actor, audit.reason, audit.object_id) == (EMAIL, "asked by acme", row.body_hash)
    text = page(operator, row)
    for words in ("It was accepted as event test a.", EMAIL, "asked by acme", "mended: accepted"):
        assert words in text
    assert f'href="{reverse("admin:ingest_usageevent_change", args=[event.pk])}"' in text


def test_a_duplicate_says_so_and_counts_once(operator: Client, project: Project) -> None:
    row = failed(project)
    factories.accept(GOOD, project=project)
    submit(operator, "mend", row, event=GOOD_TEXT % "2.0")
    row.refresh_from_db()
    assert row.resubmitted_as == UsageEvent.objects.get()
    assert "A duplicate: event test a was accepted before." in page(operator, row)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD_TEXT % '"few"', "Meter 'tokens' cannot use it: 'n' is not a usable number: 'few'"),
        (GOOD_TEXT.replace('"a"', '""') % 1, "id must have 1 to 255 characters."),
        (GOOD_TEXT.replace("2026", "2027") % 1, "time lies further in the future"),
        (
            GOOD_TEXT.replace('"a"', '"taken"') % 8,
            "An event with this source and id, but other content, was accepted",
        ),
        (GOOD_TEXT % 1 + "}", "not JSON: trailing characters, in line 2, column 51."),
        (GOOD_TEXT % "NaN", "not JSON: invalid character, in line 2, column 48."),
        (
            GOOD_TEXT.replace("acme", "äöü €") % "01",
            "not JSON: invalid number, in line 2, column 49.",
        ),
        ('{"n":\r\n"é" "x"}', "in line 2, column 5."),
        ('{"id": "a",\n', "not JSON: it ends too early, in line 2, column 1."),
        (GOOD_TEXT % ("9" * 5000), "The body is not JSON"),
        ("[" * 5000, "nested too deeply"),
        ("null", "An event is a JSON object."),
        ("[]", "An event is a JSON object."),
        ("", "This field is required."),
    ],
)
def test_what_cannot_be_accepted_is_told_at_the_text_and_changes_nothing(
    operator: Client, project: Project, text: str, words: str
) -> None:
    row = failed(project)
    factories.accept({**GOOD, "id": "taken", "data": {"n": 7}}, project=project)
    before = stored()

    answer = submit(operator, "mend", row, event=text)

    assert stored() == before
    assert "HX-Redirect" not in answer
    assert text in shown(answer)
    form: Any = answer.context["form"]  # type: ignore[attr-defined]
    assert list(form.errors) == ["event"]
    assert words in form.errors["event"][0]


@pytest.mark.parametrize("act", ["mend", "resubmit", "discard"])
def test_no_reason_no_act(operator: Client, project: Project, act: str) -> None:
    row = failed(project)
    before = stored()
    for reason in ("", "  "):
        answer = submit(operator, act, row, reason=reason, event=GOOD_TEXT % 1)
        assert "This field is required" in shown(answer)
    assert stored() == before


# Resubmitting as it is, discarding, reopening


def test_it_is_resubmitted_as_it_is_when_the_clock_has_moved_on(
    operator: Client, project: Project
) -> None:
    row = failed(project, time="2026-01-03T00:00:00Z", data={"n": 1.5})
    before = stored()
    assert "further in the future" in shown(submit(operator, "resubmit", row))
    assert stored() == before
    Project.objects.update(clock_at=START + timedelta(days=2))

    submit(operator, "resubmit", row)

    row.refresh_from_db()
    assert row.resubmitted_as == UsageEvent.objects.get(data='{"n":1.5}')
    assert "as it was: accepted" in page(operator, row)


def test_a_discarded_one_can_be_reopened_and_then_mended(
    operator: Client, project: Project
) -> None:
    row = failed(project)
    submit(operator, "discard", row)
    before = stored()
    for act in ("mend", "resubmit", "discard"):
        answer = submit(operator, act, row, event=GOOD_TEXT % 1)
        assert "It was discarded: reopen it first." in shown(answer)
    assert stored() == before

    submit(operator, "reopen", row)
    submit(operator, "mend", row, event=GOOD_TEXT % 1)

    row.refresh_from_db()
    assert row.state == "resubmitted"
    acts = AuditRecord.objects.filter(object_id=row.body_hash).order_by("pk")
    assert [one.action.partition(".")[2] for one in acts] == [
        "discarded",
        "reopened",
        "resubmitted",
    ]


def test_a_resubmitted_one_stays_so(operator: Client, project: Project) -> None:
    row = failed(project)
    submit(operator, "mend", row, event=GOOD_TEXT % 1)
    before = stored()
    for act in ("mend", "resubmit", "discard", "reopen"):
        answer = submit(operator, act, row, event=(GOOD_TEXT % 1).replace('"a"', '"other"'))
        assert "It was resubmitted already, as event 'a' of 'test'." in shown(answer)
    assert stored() == before


@pytest.mark.parametrize(
    ("may", "acts"),
    [
        ("resubmit_failedevent", {"discard", "reopen"}),
        ("discard_failedevent", {"mend", "resubmit"}),
    ],
)
def test_each_act_has_a_permission_of_its_own(
    client: Client, project: Project, may: str, acts: set[str]
) -> None:
    client = logged_in(client, project, "view_failedevent", may)
    row = failed(project)
    before = stored()
    for act in acts:
        assert submit(client, act, row, event=GOOD_TEXT % 1).status_code == 403
    assert stored() == before


# Many at once


def resubmit_listed(client: Client, query: str) -> HttpResponse:
    """Open the dialog on the list with this query, and submit what it holds."""
    address = reverse("admin:ingest_failedevent_resubmit_listed")
    at = {"HX-Current-URL": f"http://testserver{LIST}?{query}"}
    dialog: Any = client.get(address, headers=at)
    held = dialog.context["form"]["query"].value()
    return submit(client, "resubmit_listed", query=held)


def test_those_of_the_list_are_resubmitted_each_by_itself(
    operator: Client, project: Project
) -> None:
    ahead = {"time": "2026-01-03T00:00:00Z", "data": {"n": 1}}
    for number in range(3):
        failed(project, id=f"ahead-{number}", **ahead)
    other = factories.project()
    elsewhere = failed(other, id="elsewhere", time="2026-01-03T00:00:00Z")
    failing, discarded = failed(project), failed(project, id="d")
    submit(operator, "discard", discarded)
    Project.objects.update(clock_at=START + timedelta(days=2))
    project.refresh_from_db()
    factories.accept(event_body(id="ahead-1", **ahead), project=project)
    clashing = event_body(id="ahead-2", **{**ahead, "data": {"n": 9}})
    factories.accept(clashing, project=project)

    answer = resubmit_listed(operator, f"project__id__exact={project.pk}")

    told = operator.get(answer["HX-Redirect"]).content.decode()
    refused = "refused 2 (identity_taken 1, unusable_data 1)"
    assert f"Sent again: accepted 1, duplicates 1, {refused}." in told
    states = dict(FailedEvent.objects.values_list("event_id", "state"))
    assert states == {
        "ahead-0": "resubmitted",
        "ahead-1": "resubmitted",
        "ahead-2": "open",
        "elsewhere": "open",
        "a": "open",
        "d": "discarded",
    }
    assert AuditRecord.objects.filter(action="failed_event.resubmitted").count() == 2
    for row in (elsewhere, failing):
        before = row.count, row.last_seen_at
        row.refresh_from_db()
        assert (row.count, row.last_seen_at) == before


def test_a_search_of_the_list_limits_what_is_resubmitted(
    operator: Client, project: Project
) -> None:
    ahead = {"time": "2026-01-03T00:00:00Z", "data": {"n": 1}}
    mine, others = failed(project, **ahead), failed(project, subject="beta", **ahead)
    Project.objects.update(clock_at=START + timedelta(days=2))
    resubmit_listed(operator, "q=beta")
    mine.refresh_from_db()
    others.refresh_from_db()
    assert (mine.state, others.state) == ("open", "resubmitted")


def test_a_list_that_does_not_exist_is_refused(operator: Client, project: Project) -> None:
    failed(project)
    before = stored()
    answer = resubmit_listed(operator, "project__id__exact=none&p=x&code__bogus=1")
    assert "HX-Redirect" not in answer
    assert stored() == before


def test_many_are_taken_in_goes_of_a_thousand(
    operator: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_event, "MAX_AT_ONCE", 3)
    ahead = {"time": "2026-01-03T00:00:00Z", "data": {"n": 1}}
    bodies = [event_body(id=f"ahead-{number}", **ahead) for number in range(5)]
    factories.accept(*bodies, project=project)
    Project.objects.update(clock_at=START + timedelta(days=2))
    for left in (2, 0):
        resubmit_listed(operator, "")
        assert FailedEvent.objects.filter(state="open").count() == left
    assert UsageEvent.objects.count() == 5
