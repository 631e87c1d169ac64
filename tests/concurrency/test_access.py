"""Rivals at the door: an invite taken twice, two invites to one address, two owners who leave."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.errors import ConflictError, InvalidError, NotFoundError
from neruba.models import ApiKey, Invite, Membership, Project, User
from neruba.roles import Role
from neruba.services.api_keys import rotate_api_key
from neruba.services.invites import accept_invite, invite
from neruba.services.memberships import change_role, remove_member
from tests import factories
from tests.concurrency.rivals import at_once, needs_row_locks

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

RIVALS = 4
PASSWORD = "a-long-enough-password"


def taking(token: str, proven: User | None = None) -> Membership:
    wall = clock.wall()
    given = {"token": token, "password": PASSWORD, "proven": proven, "origin": SYSTEM}
    return run_atomic(partial(accept_invite, at=wall, wall=wall, **given))  # type: ignore[arg-type]


def test_an_invite_is_taken_by_one_of_those_who_come_at_once() -> None:
    project = factories.project()
    token = factories.invited(project=project).token
    results = at_once([partial(taking, token)] * RIVALS)
    assert [type(one) for one in results].count(Membership) == 1
    assert [type(one) for one in results].count(NotFoundError) == RIVALS - 1
    assert User.objects.count() == Membership.objects.count() == 1


def test_two_projects_may_make_the_same_operator_at_once() -> None:
    tokens = [factories.invited(project=factories.project()).token for _ in range(RIVALS)]
    results = at_once([partial(taking, token) for token in tokens])
    user = User.objects.get()
    for token, result in zip(tokens, results, strict=True):
        if isinstance(result, Exception):
            # Who came second is known by then, and says so with the password.
            assert isinstance(result, InvalidError)
            assert taking(token, user).user == user
    assert [type(one) for one in results].count(Membership) >= 1
    assert Membership.objects.filter(user=user).count() == RIVALS


def test_of_invites_to_one_address_one_stands() -> None:
    project = factories.project()
    offer = partial(factories.invited, project=project)
    results = at_once([partial(run_atomic, offer)] * RIVALS)
    assert [one for one in results if isinstance(one, Exception)] == []
    assert Invite.objects.count() == RIVALS
    assert Invite.objects.filter(revoked_at=None).count() == 1


def test_an_offer_never_outlives_the_membership_that_was_taken_meanwhile() -> None:
    project = factories.project()
    token = factories.invited(project=project).token
    again = partial(
        invite,
        project=project,
        email="new@op.example",
        role=Role.ADMIN,
        by=Role.OWNER,
        actor=SYSTEM,
        at=clock.now(project),
        wall=clock.wall(),
    )
    works: list[Callable[[], object]] = [partial(taking, token), partial(run_atomic, again)]
    at_once(works)
    standing = Invite.objects.filter(accepted_at=None, revoked_at=None).count()
    assert standing + Membership.objects.count() == 1


def test_two_owners_cannot_both_leave() -> None:
    project = factories.project()
    users = [factories.operator(project=project, role="owner") for _ in range(2)]
    wall = clock.wall()
    goes = partial(
        remove_member,
        project=project,
        email=users[0].email,
        by=Role.OWNER,
        actor=SYSTEM,
        at=wall,
        wall=wall,
        reason="goes",
    )
    steps_down = partial(
        change_role,
        project=project,
        email=users[1].email,
        role=Role.ADMIN,
        by=Role.OWNER,
        actor=SYSTEM,
        at=wall,
        wall=wall,
        reason="steps down",
    )
    works: list[Callable[[], object]] = [partial(run_atomic, goes), partial(run_atomic, steps_down)]
    results = at_once(works)
    assert [type(one) for one in results].count(ConflictError) == 1
    assert Membership.objects.filter(role="owner").count() == 1


def test_a_key_is_rotated_once() -> None:
    project = factories.project()
    prefix = factories.api_key(project=project).key.prefix
    rotation = partial(
        rotate_api_key,
        project=project,
        prefix=prefix,
        overlap=timedelta(hours=1),
        reason="",
        actor=SYSTEM,
        at=clock.now(project),
        wall=clock.wall(),
    )
    results = at_once([partial(run_atomic, rotation)] * RIVALS)
    assert [type(one) for one in results].count(ConflictError) == RIVALS - 1
    assert ApiKey.objects.count() == 2


def test_a_slug_is_taken_once() -> None:
    make = partial(factories.project, slug="demo")
    results = at_once([make] * RIVALS)
    assert [type(one) for one in results].count(ConflictError) == RIVALS - 1
    assert Project.objects.count() == 1
