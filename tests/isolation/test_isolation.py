"""Nobody sees or changes another project's things: every address, every role, every credential.

Addresses come from the resolver and models from the registry, so that a new page is in this by
itself. What is looked for in each answer are the texts of the other project's rows.
"""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from billing.models import LateUsage, Period
from neruba.models import Membership, Project, User
from neruba.ops.heartbeat import SCHEDULER, note_life
from neruba.ops.invariants import keep_check
from neruba.roles import Role
from tests import factories, traces
from tests.api.bodies import COUPON, CUSTOMER, METER, PLAN, TAX_RATE, event
from tests.api.endpoints import Endpoint, endpoints
from tests.api.world import INVITE_TOKEN, REQUESTS, Good, World, build_world
from tests.factories import START
from tests.isolation.walk import (
    API,
    CONSOLE,
    Address,
    addresses,
    console_models,
    filled,
    fingerprint,
    markers,
    rows_of,
    values_for,
)
from tests.payments.rows import stripe_world

pytestmark = [pytest.mark.django_db]

# Addresses that answer everybody the same, and hold nothing of a project.
PUBLIC = re.compile(r"^$|^(health|metrics|invite|webhooks|static|api/docs|api/schema)\b|^\^api/")
NOT_A_SERVER_FAULT = 500
MINE = "strangers"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody with rights, but none in the project that is looked for."""

    who: str
    browser: Client | None
    caller: APIClient | None
    # May learn that the project is there, and who is in it, but stands elsewhere.
    knows_of_it: bool = False


@pytest.fixture
def theirs() -> World:
    """The project that must stay hidden, with a row of everything that the console shows."""
    world = build_world()
    project = world.project
    hidden = {**CUSTOMER, "external_id": "hidden-4711", "name": "Hidden Holdings 4711"}
    hidden |= {"email": "hidden@theirs.example", "metadata": {"note": "secret 4711"}}
    assert world.client.post("/api/v1/customers", hidden, format="json").status_code == 201
    world.paths["customers/external_id"] = "hidden-4711"
    factories.lease(project=project)
    factories.dead_message(project=project)
    factories.invited(project=project, email="invited@theirs.example")
    factories.operator(project=project, role="owner", email="owner@theirs.example")
    factories.secret(project=project)
    factories.event_archive(project=project)
    traces.failed_login()
    # Of the installation, and by names that the project's own rows do not have.
    note_life(SCHEDULER, owner="elsewhere, process 2", at=START)
    keep_check("sample", checked=3, differences=["a difference"], at=START)
    stripe_world(customer=factories.customer(project=project))
    _taxed_discounted_and_late(world.client)
    billed = Period.objects.filter(project=project).earliest("pk")
    LateUsage.objects.create(project=project, period=billed, last_event=1, last_retraction=0)
    return world


def _taxed_discounted_and_late(client: APIClient) -> None:
    """A month on: an invoice with discount and tax, an event taken back after its month was billed,
    and one that no window holds yet.
    """
    late = {**event(20), "time": "2026-01-16T00:00:00Z", "data": {"calls": 50}}
    for method, path, body in (
        ("PATCH", "customers/acme", {"tax_rates": [TAX_RATE["code"]]}),
        ("POST", "customers/acme/coupons", {"code": COUPON["code"]}),
        ("POST", "events", late),
        ("POST", "events/void", {"source": "urn:test", "id": "e20", "reason": "sent by mistake"}),
        ("POST", "events", {**late, "id": "e21"}),
        ("POST", "clock", {"to": "2026-03-01T02:00:00Z"}),
        ("POST", "events", {**late, "id": "e22", "time": "2026-03-01T00:30:00Z"}),
    ):
        answer = client.generic(
            method, f"/{API}{path}", json.dumps(body), content_type="application/json"
        )
        assert answer.status_code < 300, (path, answer.content)


@pytest.fixture
def mine() -> Project:
    """The strangers' own project: not empty, and no name in common with the other."""
    project = factories.project(slug=MINE)
    client = factories.client(project=project)
    meter = {**METER, "code": "stranger-meter", "event_type": "stranger", "filters": []}
    for path, body in (
        ("meters", meter),
        ("customers", {**CUSTOMER, "external_id": "stranger", "email": "s@strangers.example"}),
        ("plans", {**PLAN, "code": "stranger-plan", "prices": PLAN["prices"][:1]}),
    ):
        assert client.post(f"/api/v1/{path}", body, format="json").status_code == 201
    return project


def strangers(mine: Project, theirs: Project) -> Iterator[Stranger]:
    for role in Role:
        user = factories.operator(project=mine, role=role)
        yield Stranger(role, browser_of(user), caller_of(user, mine))
        yield Stranger(f"{role}, naming the other", None, caller_of(user, theirs))
    yield Stranger("member of nothing", browser_of(nobody()), caller_of(nobody(), theirs))
    gone = factories.operator(project=theirs, role=Role.OWNER)
    left = Stranger("member who was removed", browser_of(gone), caller_of(gone, theirs))
    Membership.objects.filter(user=gone).delete()
    yield left
    root = User.objects.create_superuser(f"{uuid.uuid4().hex}@op.example")
    browser, caller = browser_of(root), caller_of(root, theirs)
    yield Stranger("superuser who stands nowhere", browser, caller, knows_of_it=True)
    both = factories.operator(project=mine, role=Role.OWNER)
    factories.member(both, project=theirs, role=Role.OWNER)
    browser, caller = browser_of(both), caller_of(both, mine)
    assert stand_in_mine(browser) == 302
    yield Stranger("owner of both who stands in the other", browser, caller, knows_of_it=True)
    yield Stranger("another project's key", None, factories.client(project=mine))
    yield Stranger("nobody", Client(), APIClient())


def nobody() -> User:
    return User.objects.create_user(f"{uuid.uuid4().hex}@op.example", is_staff=True)


def browser_of(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def stand_in_mine(browser: Client) -> int:
    """The status of the answer: 302 where one is a member."""
    return browser.post(reverse("choose_project"), {"project": MINE}).status_code


def caller_of(user: User, project: Project) -> APIClient:
    """A program with a token of the operator that names the project."""
    secret = factories.token_of(user).secret
    caller = APIClient(raise_request_exception=False)
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_NERUBA_PROJECT=project.slug)
    return caller


def body_of(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text: str = content.decode(errors="replace")
    return text + str(answer.headers.get("Location", ""))


def found_in(answer: Any, hidden: set[str], asked: str) -> list[str]:
    """The hidden texts in the answer, but for those that the request itself named."""
    text = body_of(answer)
    return sorted(one for one in hidden if one in text and one not in asked)


def test_every_address_is_walked_or_known_to_hold_nothing() -> None:
    other = [one.route for one in addresses() if not one.route.startswith((API, CONSOLE))]
    assert [route for route in other if not PUBLIC.match(route)] == []
    assert len([one for one in addresses() if one.route.startswith(CONSOLE)]) > 100


@pytest.mark.once
def test_every_page_of_a_row_has_one_to_point_at(theirs: World) -> None:
    """The walk passes over a page that it has no row for: none may be of a project."""
    ours = set(rows_of(theirs.project))
    empty = {
        model._meta.label
        for model in ours & set(console_models().values())
        if not rows_of(theirs.project)[model].exists()
    }
    passed_over = {
        one.route
        for one in addresses()
        if one.route.startswith(CONSOLE) and values_for(one, theirs.project) is None
    }
    assert sorted(empty) == []
    assert sorted(passed_over) == []


@pytest.mark.once
def test_no_console_page_shows_or_changes_another_projects_things(
    theirs: World, mine: Project, subtests: pytest.Subtests
) -> None:
    people = list(strangers(mine, theirs.project))
    hidden, before = markers(theirs.project), fingerprint(theirs.project)
    assert len(hidden) > 50
    named = names_to_choose_by(theirs.project)
    pages = [one for one in addresses() if one.route.startswith(CONSOLE)]
    for stranger in people:
        if stranger.browser is None:
            continue
        with subtests.test(stranger.who):
            unknown = hidden - named if stranger.knows_of_it else hidden
            seen = dict(_seen(stranger.browser, pages, theirs.project, unknown))
            assert seen == {}
            assert fingerprint(theirs.project) == before


def names_to_choose_by(project: Project) -> set[str]:
    """What one chooses a project by, and the operators whom a superuser manages."""
    return {project.slug, project.name, *User.objects.values_list("email", flat=True)}


def _seen(
    browser: Client, pages: list[Address], project: Project, hidden: set[str]
) -> Iterator[tuple[str, object]]:
    """What of the project each page shows, by address; and faults of ours."""
    for page in pages:
        values = values_for(page, project)
        if values is None or page.route in {"admin/logout/"}:
            continue
        path = filled(page, values)
        submitted = {
            "_form_submitted": "1",
            "reason": "a look",
            "project": project.slug,
            "name": "taken over",
            "email": "x@op.example",
            "role": "owner",
            "confirm": "yes",
            "scopes": ["admin"],
        }
        if page.name == "choose_project":
            submitted["reason"] = ""  # with a reason it is the audited step, which has its own test
        queries = [""]
        if page.name.endswith("_changelist"):
            queries.append(f"?q={project.slug}&project__id__exact={project.pk}")
        for query in queries:
            answers = {"GET": browser.get(path + query)}
            if not query:
                answers["POST"] = browser.post(path, submitted)
            for method, answer in answers.items():
                sent = str(submitted) if method == "POST" else ""
                found = found_in(answer, hidden, path + query + sent)
                if found or answer.status_code >= NOT_A_SERVER_FAULT:
                    yield f"{method} {path}{query}", found or answer.status_code
        if page.name == "choose_project":
            stand_in_mine(browser)  # a member of both has just chosen the other


def without_tokens(endpoint: Endpoint) -> dict[str, Any] | None:
    """The good body, with a guess for the token of an invite: it is a credential, which a stranger
    does not hold.
    """
    body = REQUESTS.get(str(endpoint), Good()).body
    if body is None or body.get("token") != INVITE_TOKEN:
        return body
    return {**body, "token": f"{INVITE_TOKEN}-guessed"}


def test_no_endpoint_shows_or_changes_another_projects_things(
    theirs: World, mine: Project, subtests: pytest.Subtests
) -> None:
    people = list(strangers(mine, theirs.project))
    hidden, before = markers(theirs.project), fingerprint(theirs.project)
    named = names_to_choose_by(theirs.project)
    for stranger in people:
        with subtests.test(stranger.who):
            assert stranger.caller is not None
            unknown = hidden - named if stranger.knows_of_it else hidden
            wrong = {}
            for endpoint in endpoints():
                body = without_tokens(endpoint)
                answer = theirs.send(endpoint, client=stranger.caller, body=body)
                asked = theirs.path(endpoint) + str(answer.request)  # type: ignore[attr-defined]
                found = found_in(answer, unknown, asked)
                points_there = "{" in endpoint.route or "<" in endpoint.route
                got_through = points_there and answer.status_code < 400
                if found or got_through or answer.status_code >= NOT_A_SERVER_FAULT:
                    wrong[str(endpoint)] = found or answer.status_code
            assert wrong == {}
            assert fingerprint(theirs.project) == before


def test_the_markers_are_seen_by_those_who_may(theirs: World) -> None:
    """The walk would find nothing either if it looked for nothing."""
    hidden = markers(theirs.project)
    listed = theirs.client.get("/api/v1/customers")
    assert found_in(listed, hidden, "")
    owner = browser_of(User.objects.get(email="owner@theirs.example"))
    for page in ("/admin/neruba/customer/", "/admin/billing/invoice/", "/admin/"):
        assert found_in(owner.get(page), hidden, ""), page
