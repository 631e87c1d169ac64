"""Two who approve one request at once; an approval beside other work of the project."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from neruba.actor import SYSTEM, Actor
from neruba.approvals import ApprovalKind, register_kind, unregister_kind
from neruba.edge import run_atomic
from neruba.errors import ConflictError
from neruba.locks import lock_customer
from neruba.models import Approval, AuditRecord, Customer, Project
from neruba.services.approvals import approve, refuse, withdraw
from neruba.services.audit import record
from tests import factories
from tests.concurrency.rivals import at_once, needs_row_locks
from tests.factories import START

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

GIVE = "test.give"
RIVALS = 6
ROUNDS = 6
PATIENCE = 20


def give(project: Project, payload: Mapping[str, Any], actor: Actor, at: datetime) -> str:
    customer = Customer.objects.get(project=project, external_id=payload["customer"])
    lock_customer(customer)
    record(project=project, actor=actor, action="test.given", on=("customer", "acme"), at=at)
    return "grt_1"


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    register_kind(ApprovalKind(GIVE, "Give", "neruba.change_customer", give, lambda *_: []))
    yield
    unregister_kind(GIVE)


@pytest.fixture
def project() -> Project:
    made = factories.project()
    factories.customer(project=made, external_id="acme")
    factories.operator(project=made, role="support", email="asker@op.example")
    for number in range(RIVALS):
        factories.operator(project=made, role="finance", email=f"f{number}@op.example")
    return made


def asked(project: Project) -> Approval:
    return factories.approval(project=project, actor=Actor("operator", "asker@op.example"))


def decided(decide: Any, approval: Approval, name: str) -> Approval:
    actor = Actor("operator", f"{name}@op.example")
    done: Approval = run_atomic(
        partial(decide, approval=approval, reason=name, actor=actor, at=START)
    )
    return done


def given() -> int:
    return AuditRecord.objects.filter(action="test.given").count()


def test_of_several_who_approve_at_once_one_does_it(project: Project) -> None:
    approval = asked(project)
    answers = at_once([partial(decided, approve, approval, f"f{n}") for n in range(RIVALS)])
    (won,) = [answer for answer in answers if isinstance(answer, Approval)]
    told = [answer.detail for answer in answers if isinstance(answer, ConflictError)]
    assert told == [f"It is approved already, by {won.decided_by}: {won.decision_reason}"] * (
        RIVALS - 1
    )
    assert given() == 1
    assert AuditRecord.objects.filter(action="approval.approved").count() == 1


def test_approving_refusing_and_withdrawing_at_once_is_one_of_them(project: Project) -> None:
    done = 0
    for _ in range(ROUNDS):
        approval = asked(project)
        works = [
            partial(decided, approve, approval, "f0"),
            partial(decided, refuse, approval, "f1"),
            partial(decided, withdraw, approval, "asker"),
        ]
        answers = at_once(works)
        assert sum(isinstance(answer, ConflictError) for answer in answers) == 2, answers
        approval.refresh_from_db()
        done += approval.state == "approved"
        assert given() == done


def test_an_approval_waits_for_nobody_elses_work_in_the_project(project: Project) -> None:
    """A row that names the project shares the lock of the project's row until it is committed: an
    approval that wanted it alone would wait for every run, and meet it in a deadlock.
    """
    other = factories.customer(project=project, external_id="beta")
    approval = asked(project)

    def elsewhere() -> Approval:
        try:
            return decided(approve, approval, "f0")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        lock_customer(other)
        record(project=project, actor=SYSTEM, action="test.run", on=("customer", "beta"), at=START)
        done = threads.submit(elsewhere).result(timeout=PATIENCE)
    assert (done.state, given()) == ("approved", 1)
