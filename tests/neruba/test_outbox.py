"""The outbox: news is handled once, tried later and later, and in the end waits for a person."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from neruba.actor import SYSTEM
from neruba.backoff import DELAYS, MAX_ATTEMPTS
from neruba.edge import run_atomic
from neruba.errors import ConflictError
from neruba.models import AuditRecord, Customer, OutboxMessage, Project
from neruba.outbox import Handler, register_handler, unregister_handler
from neruba.selectors.outbox import due_messages
from neruba.services.outbox import IN_HAND, announce, deliver, replay_message
from tests import factories
from tests.factories import START

pytestmark = pytest.mark.django_db

TOPIC = "test.topic"


class Listener:
    """Makes a customer of each piece of news; fails, or dies, where it is told to."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.raises: BaseException | None = None

    def hear(self, project: Project, payload: Mapping[str, Any]) -> None:
        self.heard.append(payload["name"])
        factories.customer(project=project, external_id=payload["name"])
        if self.raises is not None:
            raise self.raises


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    register_handler(Handler(TOPIC, "customers", made.hear))
    yield made
    unregister_handler(TOPIC, "customers")


def tell(project: Project, *names: str) -> list[OutboxMessage]:
    news = [(name, {"name": name}) for name in names]
    run_atomic(partial(announce, project=project, topic=TOPIC, news=news))
    return list(OutboxMessage.objects.order_by("pk"))


def due(at: datetime) -> list[int]:
    return list(due_messages(at).values_list("pk", flat=True))


def test_news_is_handled_once(listener: Listener) -> None:
    project = factories.project()
    first, second = tell(project, "a", "b")
    assert due(START) == [first.pk, second.pk]
    assert [deliver(first.pk, at=START), deliver(first.pk, at=START)] == [True, False]
    assert due(START) == [second.pk]
    assert listener.heard == ["a"]
    first.refresh_from_db()
    assert (first.state, first.attempts, first.done_at) == ("done", 1, START)


def test_news_that_nobody_hears_makes_no_rows() -> None:
    assert tell(factories.project(), "a") == []


def test_news_of_what_was_rolled_back_was_never_told(listener: Listener) -> None:
    project = factories.project()
    with transaction.atomic():
        announce(project=project, topic=TOPIC, news=[("a", {"name": "a"})])
        transaction.set_rollback(True)
    assert not OutboxMessage.objects.exists()


def test_what_fails_leaves_nothing_and_is_tried_later_each_time_until_it_is_dead(
    listener: Listener,
) -> None:
    project = factories.project()
    (message,) = tell(project, "a")
    listener.raises = ValueError("the other side is away")
    at = START
    for delay in [*DELAYS, None]:
        assert not deliver(message.pk, at=at)
        message.refresh_from_db()
        assert message.cause == "ValueError: the other side is away"
        assert not Customer.objects.exists()
        if delay is not None:
            assert message.due_at == at + delay
            assert not deliver(message.pk, at=at + delay - timedelta(seconds=1))
            at += delay
    assert (message.state, message.attempts, message.due_at) == ("dead", MAX_ATTEMPTS, None)
    assert len(listener.heard) == MAX_ATTEMPTS
    assert due(at + timedelta(days=365)) == []


def test_a_dead_message_is_tried_again_by_an_operator(listener: Listener) -> None:
    project = factories.project()
    (message,) = tell(project, "a")
    replay = partial(replay_message, message=message, reason="mended", actor=SYSTEM, at=START)
    with pytest.raises(ConflictError, match="not dead"):
        run_atomic(replay)
    OutboxMessage.objects.update(state="dead", attempts=MAX_ATTEMPTS)
    run_atomic(replay)
    assert AuditRecord.objects.get(action="outbox.replayed").reason == "mended"
    assert deliver(message.pk, at=START)
    assert listener.heard == ["a"]


class ProcessKilled(BaseException):
    pass


def test_a_message_on_which_the_process_dies_comes_to_its_end_too(listener: Listener) -> None:
    project = factories.project()
    (message,) = tell(project, "a")
    listener.raises = ProcessKilled()
    at = START
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(ProcessKilled):
            deliver(message.pk, at=at)
        assert not deliver(message.pk, at=at), "left alone while it may be in hand"
        at += IN_HAND
    assert not deliver(message.pk, at=at)
    message.refresh_from_db()
    assert (message.state, message.cause) == ("dead", "The process died while it was handled.")
    assert not Customer.objects.exists()


def test_news_for_a_handler_that_is_gone_is_shown(listener: Listener) -> None:
    (message,) = tell(factories.project(), "a")
    unregister_handler(TOPIC, "customers")
    assert not deliver(message.pk, at=START)
    message.refresh_from_db()
    assert (message.state, message.cause) == ("dead", "No handler of this name is registered.")


def test_an_external_handler_works_outside_of_any_transaction() -> None:
    inside: list[bool] = []

    def send(_project: Project, _payload: Mapping[str, Any]) -> None:
        connection = transaction.get_connection()
        blocks = [block for block in connection.atomic_blocks if not block._from_testcase]
        inside.append(bool(blocks))

    register_handler(Handler(TOPIC, "mail", send, external=True))
    try:
        (message,) = tell(factories.project(), "a")
        assert deliver(message.pk, at=START)
    finally:
        unregister_handler(TOPIC, "mail")
    assert inside == [False]
