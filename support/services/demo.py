"""Making the demo: the same services that the API calls, along a sandbox's clock."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter

from billing.models import Coupon, Plan, Subscription
from billing.services.changes import change_subscription
from billing.services.charges import accept_charge
from billing.services.coupons import create_coupon, redeem_coupon
from billing.services.plans import create_plan_version
from billing.services.steps import issue_now
from billing.services.subscriptions import create_subscription
from ingest.services.events import accept_events
from ingest.services.meters import create_meter
from ingest.services.void import void_event
from ledger.services.giving import Credit, issue_or_ask
from neruba import due
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import ConflictError
from neruba.models import Customer, Project, User
from neruba.money import Money
from neruba.roles import Role
from neruba.services.api_keys import issue_api_key
from neruba.services.customers import create_customer
from neruba.services.memberships import add_member
from neruba.services.projects import create_project
from neruba.services.tax_rates import create_tax_rate
from support.demo import catalog, usage, world

OPERATOR = "demo@neruba.example"
ACTOR = Actor("operator", OPERATOR)
KEY_NAME = "demo key"
STAFF = {role: f"{role}@neruba.example" for role in (Role.SUPPORT, Role.FINANCE)}

Act = tuple[datetime, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Demo:
    """The project, and the secrets that are shown this once."""

    project: Project
    api_key: str


def seed_demo(
    *,
    password: str,
    wall: datetime,
    slug: str = world.PROJECT,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Demo:
    """Make the demo's project and its operator, and live through two months with them.

    Call outside of a transaction: each step commits by itself, as it would in life.
    `progress(done, of)` is told after each step. Raises ConflictError where the project or the
    operator stands already. Law: every call gives the same documents, hashes and fingerprints.
    """
    demo = run_atomic(partial(_open, slug=slug, password=password, wall=wall))
    days = [
        (at, [work for _, work in acts])
        for at, acts in groupby(sorted(_acts(demo.project), key=itemgetter(0)), key=itemgetter(0))
    ]
    for done, (at, works) in enumerate(days, 1):
        due.walk(demo.project, at)
        for work in works:
            run_atomic(work)
        progress(done, len(days))
    due.walk(demo.project, world.ENDS_AT)
    return demo


def _open(*, slug: str, password: str, wall: datetime) -> Demo:
    """The project with its meters, plans, coupons, tax rates and customers; its key; its
    operator.
    """
    project = create_project(
        slug=slug,
        name=world.NAME,
        currency=world.CURRENCY,
        timezone="UTC",
        mode=Project.Mode.SANDBOX,
        clock_at=world.OPENS_AT,
        settings=world.SETTINGS,
        actor=ACTOR,
        wall=wall,
    )
    known = User.objects.filter(email__in=[OPERATOR, *STAFF.values()]).first()
    if known is not None:
        raise ConflictError(f"There is an operator {known.email} already.")
    at = world.OPENS_AT
    _hire(project, password, at=at, wall=wall)
    for meter in catalog.METERS:
        create_meter(project=project, actor=ACTOR, at=at, **meter)
    for plan in catalog.PLANS:
        _make_version(project, plan, at)
    for rate in catalog.TAX_RATES:
        create_tax_rate(project=project, inclusive=False, actor=ACTOR, at=at, **rate)
    for coupon in catalog.COUPONS:
        create_coupon(project=project, actor=ACTOR, at=at, **coupon)
    for firm in world.FIRMS:
        create_customer(project=project, external_id=firm.key, content=_customer(firm), at=at)
    issued = issue_api_key(
        project=project,
        name=KEY_NAME,
        scopes=["admin"],
        expires_at=None,
        actor=ACTOR,
        at=at,
        wall=wall,
    )
    return Demo(project, issued.secret)


def _hire(project: Project, password: str, *, at: datetime, wall: datetime) -> None:
    """The owner, who is a superuser, and those who have work here."""
    people = {Role.OWNER: User.objects.create_superuser(OPERATOR, password)}
    for role, address in STAFF.items():
        people[role] = User.objects.create_user(address, password, is_staff=True)
    for role, user in people.items():
        add_member(project=project, user=user, role=role, actor=ACTOR, at=at, wall=wall)


def _customer(firm: world.Firm) -> dict[str, object]:
    return {
        "name": firm.name,
        "email": f"billing@{firm.key}.example",
        "currency": "EUR" if firm.plan == catalog.ENTERPRISE["code"] else "USD",
        "timezone": firm.zone,
        "billing_address": {"city": firm.city, "country": firm.country},
        **catalog.TAX_OF_COUNTRY.get(firm.country, {}),
    }


def _make_version(project: Project, plan: dict[str, object], at: datetime) -> None:
    create_plan_version(
        project=project,
        interval="month",
        interval_count=1,
        actor=ACTOR,
        at=at,
        **plan,  # type: ignore[arg-type]
    )


def _acts(project: Project) -> Iterator[Act]:
    """All that happens after the opening, each with its time; of one instant, in this order."""
    yield (
        catalog.NEW_PRICE_AT,
        partial(_make_version, project, catalog.STARTER_OF_OCTOBER, catalog.NEW_PRICE_AT),
    )
    for redeemed in world.REDEMPTIONS:
        yield redeemed.at, partial(_redeem, project, redeemed)
    for firm in world.FIRMS:
        if firm.anchor:
            yield firm.starts_at, partial(_subscribe, project, firm)
    for delivery in usage.deliveries(world.FIRMS):
        yield (
            delivery.at,
            partial(accept_events, project=project, bodies=delivery.bodies, at=delivery.at),
        )
    yield usage.VOIDED_AT, partial(_void, project)
    for one_off in world.ONE_OFFS:
        yield one_off.at, partial(_charge, project, one_off)
    for gift in world.GIFTS:
        yield gift.at, partial(_give, project, gift)
    for changed in world.CHANGES:
        yield changed.at, partial(_change, project, changed)


def _redeem(project: Project, redeemed: world.Redeemed) -> None:
    redeem_coupon(
        coupon=Coupon.objects.get(project=project, code=redeemed.coupon),
        customer=Customer.objects.select_related("project").get(
            project=project, external_id=redeemed.customer
        ),
        actor=ACTOR,
        at=redeemed.at,
    )


def _subscribe(project: Project, firm: world.Firm) -> None:
    create_subscription(
        project=project,
        external_id=f"{firm.key}-{firm.plan}",
        customer=Customer.objects.get(project=project, external_id=firm.key),
        plan=Plan.objects.get(project=project, code=firm.plan),
        start_at=firm.starts_at,
        anchor=firm.anchor,
        billing_day=None,
        timezone=None,
        actor=ACTOR,
        at=firm.starts_at,
    )


def _void(project: Project) -> None:
    void_event(
        project=project,
        source=usage.READER,
        event_id=usage.VOIDED_EVENT,
        reason=usage.VOID_REASON,
        actor=ACTOR,
        at=usage.VOIDED_AT,
    )


def _charge(project: Project, one_off: world.OneOff) -> None:
    accepted = accept_charge(
        project=project,
        customer=Customer.objects.get(project=project, external_id=one_off.customer),
        charge_key=one_off.key,
        amount=Money.parse(one_off.amount, one_off.currency),
        description=one_off.description,
        effective_at=one_off.at,
        tax_code="",
        metadata={},
        invoice_now=one_off.at_once,
        at=one_off.at,
    )
    if one_off.at_once:
        issue_now(project=project, charge=accepted.charge, at=one_off.at)


def _give(project: Project, gift: world.Gift) -> None:
    credit = Credit(
        amount=Money.parse(gift.amount, gift.currency),
        kind=gift.kind,
        priority=gift.priority,
        expires_at=gift.expires_at,
        reason_code=gift.reason_code,
    )
    issue_or_ask(
        customer=Customer.objects.get(project=project, external_id=gift.customer),
        credit=credit,
        reason=gift.reason,
        actor=Actor("operator", STAFF[Role(gift.by)]),
        at=gift.at,
    )


def _change(project: Project, changed: world.Changed) -> None:
    change_subscription(
        subscription=Subscription.objects.get(
            project=project, customer__external_id=changed.customer
        ),
        type=changed.type,
        given=changed.given,
        reason=changed.reason,
        actor=ACTOR,
        at=changed.at,
    )
