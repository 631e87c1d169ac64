"""Tax rates, and which of them customers carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from neruba.actor import Actor
from neruba.countries import is_country
from neruba.decimals import plain
from neruba.errors import ConflictError, InvalidError
from neruba.models import Project, TaxRate
from neruba.percent import parse_percent
from neruba.services.audit import record

CONTENT = ("name", "rate_percent", "inclusive", "country")


@dataclass(frozen=True, slots=True)
class CreatedTaxRate:
    """The rate, and whether the same request had made it before."""

    tax_rate: TaxRate
    replayed: bool


def create_tax_rate(
    *,
    project: Project,
    code: str,
    name: str,
    rate_percent: str,
    inclusive: bool,
    country: str,
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> CreatedTaxRate:
    """Make a rate of 0 to 100 percent, with up to four decimals; `country` is a code of ISO 3166,
    or empty.

    The same content again returns the first; another content raises ConflictError, since issued
    documents name the rate by its code.
    """
    try:
        percent = plain(parse_percent(rate_percent))
    except ValueError as error:
        raise InvalidError(f"{error}.", pointer="/rate_percent") from error
    if country and not is_country(country):
        raise InvalidError(f"{country!r} is no country code of ISO 3166.", pointer="/country")
    wanted = TaxRate(
        project=project,
        code=code,
        name=name,
        rate_percent=percent,
        inclusive=inclusive,
        country=country,
        created_at=at,
    )
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError:
        return CreatedTaxRate(_prior(wanted), replayed=True)
    record(
        project=project,
        actor=actor,
        action="tax_rate.created",
        on=("tax_rate", code),
        at=at,
        reason=reason,
        details={name: getattr(wanted, name) for name in CONTENT},
    )
    return CreatedTaxRate(wanted, replayed=False)


def _prior(wanted: TaxRate) -> TaxRate:
    prior = TaxRate.objects.filter(project=wanted.project, code=wanted.code).first()
    assert prior is not None, "the code is the only unique key"
    if any(getattr(prior, name) != getattr(wanted, name) for name in CONTENT):
        raise ConflictError(
            f"Tax rate {wanted.code!r} exists with other content, and a rate never changes: "
            "make a new one, with a code of its own, for a new percentage."
        )
    return prior


def check_codes(project: Project, codes: Sequence[str]) -> None:
    """Raise InvalidError, pointing at it, for a code that names no rate of the project or comes a
    second time.
    """
    known = set(
        TaxRate.objects.filter(project=project, code__in=codes).values_list("code", flat=True)
    )
    for index, code in enumerate(codes):
        pointer = f"/tax_rates/{index}"
        if code not in known:
            raise InvalidError(f"There is no tax rate {code!r}.", pointer=pointer)
        if code in codes[:index]:
            raise InvalidError(f"Tax rate {code!r} is there twice.", pointer=pointer)
