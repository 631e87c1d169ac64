"""All aggregations by their names in the API. A further one is a file beside this one, and its
line here.
"""

from ingest.aggregation.base import Aggregation
from ingest.aggregation.count import Count
from ingest.aggregation.latest import Latest
from ingest.aggregation.max import Max
from ingest.aggregation.min import Min
from ingest.aggregation.sum import Sum
from ingest.aggregation.unique_count import UniqueCount
from ingest.aggregation.weighted_sum import WeightedSum

_ALL: tuple[type[Aggregation], ...] = (
    Count,
    Sum,
    Max,
    Min,
    Latest,
    UniqueCount,
    WeightedSum,
)
AGGREGATIONS: dict[str, Aggregation] = {one.code: one() for one in _ALL}
