"""The tax rates of a project, and those that customers carry."""

from collections.abc import Collection, Sequence
from decimal import Decimal

from neruba.models import Customer, Project, TaxRate
from neruba.tax import TaxRateFact


def tax_rate_by_code(project: Project, codes: Collection[str]) -> dict[str, TaxRateFact]:
    """The project's rates of these codes; a code that names none is left out."""
    if not codes:
        return {}
    rows = TaxRate.objects.filter(project=project, code__in=codes)
    return {
        row.code: TaxRateFact(
            code=row.code,
            name=row.name,
            rate_percent=Decimal(row.rate_percent),
            inclusive=row.inclusive,
            country=row.country,
        )
        for row in rows
    }


def tax_rates_of(
    project: Project, customers: Sequence[Customer]
) -> dict[int, tuple[TaxRateFact, ...]]:
    """The rates of each of these customers by id, in the order of their own list."""
    rates = tax_rate_by_code(project, {code for row in customers for code in row.tax_rates or ()})
    return {
        row.pk: tuple(rates[code] for code in row.tax_rates or () if code in rates)
        for row in customers
    }
