"""A subscription is a timeline of dated decisions; its periods are stored once and never
recomputed.
"""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class Subscription(models.Model):
    """The name of a timeline, and how far billing has come with it. Its state is derived from the
    changes.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    external_id = IdentifierField()
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    currency = models.CharField(max_length=3)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField(
        null=True, blank=True, help_text="Where the timeline ends it; derived."
    )
    created_at = models.DateTimeField()
    next_boundary = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The instant of the next boundary; empty when none will come.",
    )

    class Meta:
        ordering = ["id"]
        permissions = [
            ("change_plan_subscription", "Can change the plan of a subscription"),
            ("set_quantity_subscription", "Can change the seats of a subscription"),
            ("add_price_subscription", "Can add a price to a subscription"),
            ("remove_price_subscription", "Can take a price from a subscription"),
            ("pause_subscription", "Can pause a subscription"),
            ("resume_subscription", "Can resume a subscription"),
            ("cancel_subscription", "Can cancel a subscription"),
            ("end_trial_subscription", "Can end the trial of a subscription"),
            ("set_timezone_subscription", "Can change the time zone of a subscription"),
            ("withdraw_subscription", "Can withdraw a scheduled change of a subscription"),
            ("backdate_subscription", "Can let a change of a subscription reach back"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "external_id"], name="billing_subscription_external_id"
            )
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="billing_subscription_list"),
            models.Index(fields=["project", "due_at"], name="billing_subscription_due"),
        ]

    def __str__(self) -> str:
        return self.external_id

    def boundary_key(self, number: int) -> str:
        """The operation key of the document of boundary `number`, whether it is made or not."""
        return f"period:{self.external_id}:{number}:1"


class SubscriptionChange(models.Model):
    """One decision about a subscription: what, effective when, asked when, by whom, why.
    Append-only.

    Changes of one subscription are numbered from 1 in the order of request; what is effective at
    one instant takes effect in that order. `content` is canonical JSON; a creation and a change of
    plan hold the whole price snapshot. One that is withdrawn stays, and the withdrawal names it.
    """

    class Type(models.TextChoices):
        CREATE = "create"
        CHANGE_PLAN = "change_plan"
        SET_QUANTITY = "set_quantity"
        ADD_PRICE = "add_price"
        REMOVE_PRICE = "remove_price"
        PAUSE = "pause"
        RESUME = "resume"
        CANCEL = "cancel"
        END_TRIAL = "end_trial"
        SET_TIMEZONE = "set_timezone"
        WITHDRAW = "withdraw"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="changes")
    number = models.PositiveIntegerField()
    type = models.CharField(max_length=32, choices=Type)
    effective_at = models.DateTimeField()
    requested_at = models.DateTimeField()
    actor = models.CharField(max_length=255)
    reason = models.TextField(blank=True)
    plan_version = models.ForeignKey(
        "billing.PlanVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    content = models.TextField()

    class Meta:
        ordering = ["subscription", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "subscription", "number"], name="billing_change_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscription} {self.number} {self.type}"


class Period(models.Model):
    """Period `number` of a subscription (from 0), opened at its first boundary with the policy of
    that day.

    `whole_start` begins the whole period that ends at `end`, earlier than the start of a short
    first one; `whole_end` ends the whole period that something cut at `end`, and is empty where
    nothing did. `rhythm` is the code of its rhythm, such as `month:1`: a price may have one of its
    own, and each rhythm has a numbering of its own.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="periods")
    rhythm = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    start = models.DateTimeField()
    end = models.DateTimeField()
    starts_on = models.DateField()
    ends_on = models.DateField()
    whole_start = models.DateTimeField()
    whole_starts_on = models.DateField()
    whole_end = models.DateTimeField(null=True, blank=True)
    whole_ends_on = models.DateField(null=True, blank=True)
    zone = models.CharField(max_length=64)
    policy = models.TextField(
        help_text="Canonical JSON: the project's policy when the period opened."
    )

    class Meta:
        ordering = ["subscription", "rhythm", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "subscription", "rhythm", "number"], name="billing_period_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscription} {self.starts_on} – {self.ends_on}"
