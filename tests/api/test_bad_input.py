"""Every endpoint with everything that can be wrong: the right problem document, nothing changed."""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from neruba import clock
from neruba.actor import SYSTEM
from neruba.api.views import ProjectView
from neruba.models import ApiKey
from neruba.models.access import SCOPES
from neruba.services.api_keys import revoke_api_key
from tests import factories
from tests.api.endpoints import METHODS, Endpoint, endpoints, methods_of, operation
from tests.api.faults import BROKEN, WRONG_TYPES, leaves, replaced, wrong_values
from tests.api.outcome import assert_problem, check_everywhere, nothing_changed, undone
from tests.api.world import PATHS, REQUESTS, WITH_BODY, Good, World, build_world

pytestmark = pytest.mark.django_db

ENDPOINTS = endpoints()
WRITING = [endpoint for endpoint in ENDPOINTS if endpoint.method != "GET"]
OF_PROJECTS = [endpoint for endpoint in ENDPOINTS if endpoint.is_of_project]
OF_OPERATORS = [
    endpoint for endpoint in ENDPOINTS if not endpoint.is_of_project and not endpoint.is_public
]
KNOWN = {*PATHS, "projects/slug", "ledger/transaction_id", "payments/public_id"}


@pytest.fixture
def world() -> World:
    return build_world()


def good(endpoint: Endpoint) -> Good:
    return REQUESTS.get(str(endpoint), Good())


def taking_bodies() -> Iterator[tuple[Endpoint, dict[str, Any]]]:
    for endpoint in WRITING:
        body = good(endpoint).body
        if body is not None:
            yield endpoint, body


# That the matrix is whole


def test_every_endpoint_has_a_good_request() -> None:
    missing = [
        f"{endpoint}: add a good body to REQUESTS in tests/api/world.py"
        for endpoint in WRITING
        if str(endpoint) not in REQUESTS
    ]
    missing += [
        f"{endpoint}: say in PATHS of tests/api/world.py where {name} is found"
        for endpoint in ENDPOINTS
        for name in endpoint.parameters
        if name not in KNOWN
    ]
    assert not missing, "\n".join(missing)
    stale = REQUESTS.keys() - {str(endpoint) for endpoint in ENDPOINTS}
    assert not stale, "no such endpoint"


def test_the_good_requests_are_taken(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        response = world.send(endpoint)
        assert 200 <= response.status_code < 300, response.content

    check_everywhere(subtests, ENDPOINTS, check)


# Bodies


def test_what_is_no_json_is_refused(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        for name, raw in BROKEN.items():
            with subtests.test(str(endpoint), body=name), nothing_changed():
                assert_problem(world.send(endpoint, raw=raw), 400)

    check_everywhere(subtests, [endpoint for endpoint, _ in taking_bodies()], check)


def test_an_empty_body_is_an_empty_object(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        statuses = []
        for raw in (b"", b"{}"):
            with undone():
                statuses.append(world.send(endpoint, raw=raw).status_code)
        assert statuses[0] == statuses[1] < 500

    check_everywhere(subtests, [endpoint for endpoint, _ in taking_bodies()], check)


def test_a_body_that_is_no_object_is_refused(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        for raw in (b"[]", b"[1]", b'"text"', b"1", b"null", b"true", b"1.5"):
            if not (good(endpoint).lists and raw.startswith(b"[")):
                with subtests.test(str(endpoint), body=raw), nothing_changed():
                    assert_problem(world.send(endpoint, raw=raw), 400)

    check_everywhere(subtests, [endpoint for endpoint, _ in taking_bodies()], check)


def test_another_content_type_is_refused(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        for content_type in WRONG_TYPES:
            with subtests.test(str(endpoint), type=content_type), nothing_changed():
                assert_problem(world.send(endpoint, content_type=content_type), 415)

    check_everywhere(subtests, [endpoint for endpoint, _ in taking_bodies()], check)


def test_a_body_that_is_too_large_is_refused(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        filler = b" " * endpoint.view.max_body
        raw = json.dumps(good(endpoint).body or {}).encode() + filler
        with nothing_changed():
            assert_problem(world.send(endpoint, raw=raw), 413)

    check_everywhere(
        subtests, [endpoint for endpoint in WRITING if endpoint.method in WITH_BODY], check
    )


def test_unknown_fields_are_refused(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        body = {**(good(endpoint).body or {}), "surprise": 1}
        if not good(endpoint).unknown_fields:
            with nothing_changed():
                problem = assert_problem(world.send(endpoint, body=body), 400)
            assert "/surprise" in [error["pointer"] for error in problem["errors"]]

    posting = [endpoint for endpoint in WRITING if endpoint.method in WITH_BODY]
    check_everywhere(subtests, posting, check)


def test_wrong_values_are_refused(world: World, subtests: pytest.Subtests) -> None:
    """Wrong types, floats where money is meant, times without a zone: each leaf of each body."""

    def check(path: str, value: object, endpoint: Endpoint) -> None:
        body = replaced(good(endpoint).body or {}, path, value)
        with nothing_changed():
            assert_problem(world.send(endpoint, body=body), 400)

    for endpoint, body in taking_bodies():
        for path, value in leaves(body):
            if any(path.startswith(free) for free in good(endpoint).any_of):
                continue
            for wrong in wrong_values(value):
                with subtests.test(f"{endpoint} {path}", wrong=wrong), undone():
                    check(path, wrong, endpoint)


def test_objects_and_lists_are_no_values(world: World, subtests: pytest.Subtests) -> None:
    """Each field of each body, replaced by a value of a kind that it is not."""
    for endpoint, body in taking_bodies():
        for name, value in body.items():
            if not isinstance(value, dict | list) or good(endpoint).partly:
                continue
            for wrong in ("text", 7, True, [] if isinstance(value, dict) else {"a": "b"}):
                title = f"{endpoint} /{name}"
                with subtests.test(title, wrong=wrong), undone(), nothing_changed():
                    response = world.send(endpoint, body={**body, name: wrong})
                    assert_problem(response, 400)


# Queries


def test_unknown_names_in_a_query_are_refused(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        query = f"{good(endpoint).query}&surprise=1".lstrip("&")
        problem = assert_problem(world.send(endpoint, query=query), 400)
        assert "/surprise" in [error["pointer"] for error in problem["errors"]]

    reading = {endpoint for endpoint, _, _ in documented_queries() if endpoint.method == "GET"}
    check_everywhere(subtests, sorted(reading, key=str), check)


def documented_queries() -> Iterator[tuple[Endpoint, str, dict[str, Any]]]:
    """The parameters of queries, as the OpenAPI document has them."""
    for endpoint in ENDPOINTS:
        for parameter in operation(endpoint).get("parameters", []):
            if parameter["in"] == "query":
                yield endpoint, parameter["name"], parameter["schema"]


def wrong_in_query(schema: dict[str, Any], name: str) -> list[str]:
    if schema.get("format") == "date-time":
        return ["2026-02-01T00:00:00", "2026-02-01", "yesterday", "", "1769904000"]
    if name == "limit":
        return ["0", "-1", "1001", "ten", "1.5", "", "١", "9" * 50]
    if name == "cursor":
        return ["x", "AAAA", "cD1hYmM=", "%00"]
    return ["surely-not-one-of-them"] if "enum" in schema else ["", "a%00b", "x" * 5000]


def test_wrong_values_in_a_query_are_refused(world: World, subtests: pytest.Subtests) -> None:
    for endpoint, name, schema in documented_queries():
        others = [
            part
            for part in good(endpoint).query.split("&")
            if part and not part.startswith(f"{name}=")
        ]
        for wrong in wrong_in_query(schema, name):
            if endpoint.method != "GET":
                continue
            with subtests.test(str(endpoint), **{name: wrong[:30]}):
                query = "&".join([*others, f"{name}={wrong}"])
                assert_problem(world.send(endpoint, query=query), 400)


# Credentials


def strange_client(secret: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=secret)
    return client


def bad_credentials(world: World) -> dict[str, APIClient]:
    wall = clock.wall()
    key = partial(factories.api_key, project=world.project)
    expired, revoked, sound = key(expires_at=wall + timedelta(hours=1)), key(), key()
    ApiKey.objects.filter(pk=expired.key.pk).update(expires_at=wall - timedelta(seconds=1))
    revoke_api_key(
        project=world.project,
        prefix=revoked.key.prefix,
        reason="",
        actor=SYSTEM,
        at=wall,
        wall=wall,
    )
    return {
        "none": APIClient(raise_request_exception=False),
        "expired": strange_client(f"Bearer {expired.secret}"),
        "revoked": strange_client(f"Bearer {revoked.secret}"),
        "unknown": strange_client("Bearer nrb_0123456789ab_secret"),
        "another secret": strange_client(f"Bearer {sound.secret[:-1]}"),
        "no secret": strange_client("Bearer"),
        "two secrets": strange_client(f"Bearer {sound.secret} {sound.secret}"),
        "another scheme": strange_client(f"Basic {sound.secret}"),
        "only the prefix": strange_client(f"Bearer nrb_{sound.key.prefix}_"),
        "not ASCII": strange_client("Bearer nrb_\u00e9\u00e9_secret"),
    }


def test_bad_credentials_are_refused(world: World, subtests: pytest.Subtests) -> None:
    clients = bad_credentials(world)
    for name, client in clients.items():
        for endpoint in [*OF_PROJECTS, *OF_OPERATORS]:
            with subtests.test(str(endpoint), credential=name), nothing_changed():
                response = world.send(endpoint, client=client)
                assert_problem(response, 401)
                assert response["WWW-Authenticate"] == "Bearer"


def test_a_scope_too_few_is_refused(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        others = sorted(SCOPES.keys() - {endpoint.scope, "admin"})
        client = factories.client(project=world.project, scopes=others)
        with nothing_changed():
            problem = assert_problem(world.send(endpoint, client=client), 403, "missing_scope")
        assert endpoint.scope in problem["detail"]

    check_everywhere(subtests, OF_PROJECTS, check)


def test_what_is_for_operators_refuses_every_key(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        with nothing_changed():
            response = world.send(endpoint, client=world.client)
            assert_problem(response, 403, "operators_only")

    check_everywhere(subtests, OF_OPERATORS, check)


def test_the_scope_alone_is_enough(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        client = factories.client(project=world.project, scopes=[endpoint.scope])
        response = world.send(endpoint, client=client)
        if good(endpoint).person:
            assert_problem(response, 403)
        else:
            assert response.status_code < 300, response.content

    check_everywhere(subtests, OF_PROJECTS, check)


# Other things


def test_another_projects_things_do_not_exist(world: World, subtests: pytest.Subtests) -> None:
    stranger = factories.client(project=factories.project())

    def check(endpoint: Endpoint) -> None:
        with nothing_changed():
            response = world.send(endpoint, client=stranger)
            assert_problem(response, 404 if endpoint.parameters else good(endpoint).unknown_status)

    naming = [endpoint for endpoint in OF_PROJECTS if endpoint.parameters or good(endpoint).names]
    check_everywhere(subtests, naming, check)


def test_lists_of_another_project_are_empty(world: World, subtests: pytest.Subtests) -> None:
    stranger = factories.client(project=factories.project())
    for endpoint in OF_PROJECTS:
        if endpoint.method == "GET" and not endpoint.parameters and not good(endpoint).names:
            with subtests.test(str(endpoint)):
                theirs = _rows(world.send(endpoint, client=stranger))
                ours = _rows(world.send(endpoint))
                assert [row for row in theirs if row in ours] == []
                assert theirs == [] or good(endpoint).never_empty


def _rows(answer: Any) -> list[Any]:
    """The rows of a list; of a file its lines below the header."""
    if answer.streaming:
        return b"".join(answer.streaming_content).splitlines()[1:]
    rows: list[Any] = json.loads(answer.content).get("data", [])
    return rows


NO_NAMES = ("nothing-such", "%00", "a%20", "..", "x" * 2000, "%F0%9F%92%B8", "1", "inv_0")


def test_what_is_not_there_is_not_found(world: World, subtests: pytest.Subtests) -> None:
    naming = [
        endpoint
        for endpoint in ENDPOINTS
        if endpoint.parameters and endpoint.parameters != ["projects/slug"]
    ]
    for name in NO_NAMES:
        paths = {**dict.fromkeys(KNOWN, name), "projects/slug": world.project.slug}
        nowhere = World(world.project, world.client, world.operator, paths, world.people)
        for endpoint in naming:
            with subtests.test(str(endpoint), name=name[:20]), nothing_changed():
                assert_problem(nowhere.send(endpoint), 404)


def test_other_methods_are_refused(world: World, subtests: pytest.Subtests) -> None:
    for endpoint in {endpoint.route: endpoint for endpoint in ENDPOINTS}.values():
        for method in set(METHODS) - set(methods_of(endpoint.view)):
            with subtests.test(f"{method} {endpoint.route}"), nothing_changed():
                assert_problem(world.send(Endpoint(method, endpoint.route, endpoint.view)), 405)


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/nothing", "/api/v2/customers", "/api/"])
def test_an_unknown_address_is_a_problem_document(path: str) -> None:
    for client in (APIClient(), factories.client(project=factories.project())):
        assert_problem(client.get(path), 404, "not_found")


def test_a_bad_idempotency_key_is_refused(world: World, subtests: pytest.Subtests) -> None:
    for key in ("", " ", "x" * 256, "caf\u00e9", "a\tb"):
        for endpoint in set(WRITING) & set(OF_PROJECTS):
            with subtests.test(str(endpoint), key=key[:20]), nothing_changed():
                assert_problem(world.send(endpoint, HTTP_IDEMPOTENCY_KEY=key), 400)


def test_where_money_moves_an_idempotency_key_is_needed(
    world: World, subtests: pytest.Subtests
) -> None:
    def check(endpoint: Endpoint) -> None:
        path = world.path(endpoint)
        with nothing_changed():
            response = world.client.generic(
                endpoint.method, path, json.dumps(good(endpoint).body), "application/json"
            )
            assert "Idempotency-Key" in assert_problem(response, 400)["detail"]

    needing = [
        endpoint
        for endpoint in WRITING
        if issubclass(endpoint.view, ProjectView) and endpoint.method in endpoint.view.needs_key
    ]
    assert needing
    check_everywhere(subtests, needing, check)


def test_a_refused_request_may_use_its_key_again(world: World, subtests: pytest.Subtests) -> None:
    def check(endpoint: Endpoint) -> None:
        refused = world.send(endpoint, raw=b"{", HTTP_IDEMPOTENCY_KEY="once")
        assert_problem(refused, 400)
        assert world.send(endpoint, HTTP_IDEMPOTENCY_KEY="once").status_code < 300

    check_everywhere(subtests, [endpoint for endpoint, _ in taking_bodies()], check)
