"""Credit packs and their sales, read-only."""

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest

from neruba.admin.page import Fact, Headline, Page, PageAdmin, Table, instant, link_to
from payments.admin.words import amount_of, entries_table
from payments.entries import FAILED, PACK_SOLD, RECEIVED
from payments.models import CreditPack, PackSale

MAX_SALES = 50


@admin.register(CreditPack)
class CreditPackAdmin(PageAdmin):
    list_display = ["code", "price", "bonus", "expires", "created_at"]
    list_select_related = ["project"]
    search_fields = ["code__startswith"]
    search_help_text = "The beginning of a code"

    @admin.display(description="Price and credits", ordering="price_minor")
    def price(self, pack: CreditPack) -> str:
        return amount_of(pack.price_minor, pack.currency)

    @admin.display(description="Bonus", ordering="bonus_minor")
    def bonus(self, pack: CreditPack) -> str:
        return amount_of(pack.bonus_minor, pack.currency) if pack.bonus_minor else ""

    @admin.display(description="Expires after", ordering="expires_after_s")
    def expires(self, pack: CreditPack) -> str:
        return str(timedelta(seconds=pack.expires_after_s)) if pack.expires_after_s else "never"

    def page(self, request: HttpRequest, row: CreditPack) -> Page:
        sales = PackSale.objects.filter(pack=row).select_related("customer", "payment")
        return Page(
            headlines=[Headline("Price and credits", self.price(row))],
            facts=[
                Fact("Bonus", self.bonus(row)),
                Fact("Credits expire after", self.expires(row)),
                Fact("Project", link_to(row.project)),
                Fact("Offered since", instant(row.created_at)),
            ],
            tables=[
                Table(
                    title="Last sales",
                    columns=["Sale", "Customer", "Payment", "Sold"],
                    rows=[
                        (
                            link_to(sale),
                            link_to(sale.customer),
                            link_to(sale.payment),
                            instant(sale.sold_at),
                        )
                        for sale in sales[:MAX_SALES]
                    ],
                    empty="Nobody has bought it.",
                )
            ],
        )


@admin.register(PackSale)
class PackSaleAdmin(PageAdmin):
    list_display = ["public_id", "pack", "customer", "payment", "sold_at"]
    list_select_related = ["project", "pack", "customer", "payment"]
    search_fields = ["public_id__exact", "customer__external_id__startswith"]
    search_help_text = "The id of a sale, or the beginning of a customer's id"

    def page(self, request: HttpRequest, row: PackSale) -> Page:
        return Page(
            facts=[
                Fact("Pack", link_to(row.pack)),
                Fact("Customer", link_to(row.customer)),
                Fact("Payment", link_to(row.payment)),
                Fact("Document in the books", row.document),
                Fact("Project", link_to(row.project)),
                Fact("Sold", instant(row.sold_at)),
            ],
            tables=[entries_table(row.project, row.operation_key, (PACK_SOLD, RECEIVED, FAILED))],
        )
