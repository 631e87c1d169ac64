"""For the whole suite: numbers of examples, the second database, teardown of append-only tables."""

import os
from collections.abc import Iterator
from unittest import mock

import pytest
from django.test import TransactionTestCase
from django.test.utils import override_settings
from hypothesis import HealthCheck, settings

from neruba.append_only import purging

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "database_url"}

# In CI the same code gets the same examples, so that a red build is the fault of the change in it;
# everywhere else each run looks at new ones.
settings.register_profile(
    "neruba",
    max_examples=int(os.environ.get("NERUBA_EXAMPLES", "50")),
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("neruba")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-tests-only",
        action="store_true",
        help="leave out what the database makes no difference to (the second run of bin/test)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--database-tests-only"):
        return
    left_out = [item for item in items if not depends_on_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if depends_on_database(item)]


def depends_on_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("once"):
        return False
    if item.get_closest_marker("django_db"):
        return True
    test_class = getattr(item, "cls", None)
    if test_class is not None and issubclass(test_class, TransactionTestCase):
        return True
    return not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True, scope="session")
def flush_past_triggers() -> Iterator[None]:
    """The flush after a transactional test, which triggers of append-only tables would refuse."""
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def purge(case: TransactionTestCase) -> None:
        with purging():
            flush(case)

    with mock.patch.object(TransactionTestCase, "_fixture_teardown", purge):
        yield


@pytest.fixture(autouse=True, scope="session")
def unlimited() -> Iterator[None]:
    """Tests ask more in a minute than a caller may; those of the limits set their own."""
    with override_settings(RATE_LIMIT=0, RATE_LIMIT_ANONYMOUS=0):
        yield
