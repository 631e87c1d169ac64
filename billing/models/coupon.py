"""What takes something off invoices, and who redeemed it."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class Coupon(models.Model):
    """A percentage or an amount off, for some periods of a subscription. What it gives never
    changes; it can be ended, for redemptions to come.
    """

    class Duration(models.TextChoices):
        ONCE = "once"
        REPEATING = "repeating"
        FOREVER = "forever"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    code = IdentifierField()
    name = models.CharField(max_length=255, blank=True)
    percent_off = models.CharField(
        max_length=16, blank=True, help_text="Above 0, at most 100; empty for an amount."
    )
    amount_off_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, help_text="Of the amount.")
    duration = models.CharField(max_length=9, choices=Duration)
    periods = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many periods, where it is repeating."
    )
    prices = models.JSONField(
        default=list, blank=True, help_text="Codes of the prices that it is limited to."
    )
    max_redemptions = models.PositiveIntegerField(null=True, blank=True)
    redemptions = models.PositiveIntegerField(
        default=0, help_text="How often it was redeemed, counted under the lock of its row."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        permissions = [("end_coupon", "Can end a coupon")]
        constraints = [
            models.UniqueConstraint(fields=["project", "code"], name="billing_coupon_code"),
            models.CheckConstraint(
                condition=models.Q(amount_off_minor__isnull=True)
                | models.Q(amount_off_minor__gt=0),
                name="billing_coupon_amount",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Redemption(models.Model):
    """A coupon of a customer, from `redeemed_at` until it is used up or ended."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="redeemed")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="redemptions")
    number = models.PositiveIntegerField(
        help_text="Place among the customer's redemptions, from 1: the order of application."
    )
    redeemed_at = models.DateTimeField()
    actor = models.CharField(max_length=255)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        permissions = [
            ("redeem_coupon", "Can redeem a coupon for a customer"),
            ("end_redemption", "Can end a customer's coupon"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "coupon", "customer"], name="billing_redemption_coupon"
            ),
            models.UniqueConstraint(
                fields=["project", "customer", "number"], name="billing_redemption_number"
            ),
        ]
        indexes = [models.Index(fields=["project", "id"], name="billing_redemption_list")]

    def __str__(self) -> str:
        return f"{self.coupon} of {self.customer}"
