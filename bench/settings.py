"""The product's settings, with addresses of the benchmarks' own beside its."""

from neruba.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
