"""The operator's own pages."""

from support.admin.customer import CustomerAdmin

__all__ = ["CustomerAdmin"]
