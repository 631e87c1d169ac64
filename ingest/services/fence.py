"""Taking the arrival bound of a billing run."""

from functools import partial

from ingest.locks import take_arrival
from ingest.selectors.bounds import ArrivalBound, known_bound
from neruba.edge import run_atomic
from neruba.models import Project


def take_bound(project: Project) -> ArrivalBound:
    """Note the highest event and retraction ids, once nothing with a lower id can still be
    committed.

    A short transaction of its own (durable: it refuses to run inside another). Law: after it
    returned, the set of events and retractions within the bound never changes. Raises
    RetryableError where ingest held the fence for long.
    """
    return run_atomic(partial(_take, project))


def _take(project: Project) -> ArrivalBound:
    take_arrival(project)
    return known_bound(project)
