"""Customers, and the products and prices that a checkout can name."""

from bin.lib.fake_stripe import forms, listing, shapes
from bin.lib.fake_stripe.errors import missing
from bin.lib.fake_stripe.routing import route
from bin.lib.fake_stripe.world import Obj, World

ADDRESS = dict.fromkeys(shapes.no_address(), forms.text)
FIELDS = {
    "name": forms.text,
    "email": forms.text,
    "phone": forms.text,
    "description": forms.text,
    "address": dict.fromkeys(
        ("city", "country", "line1", "line2", "postal_code", "state"), forms.text
    ),
    "metadata": forms.metadata,
}


def merged(before: Obj, given: Obj) -> Obj:
    """Metadata after an update: an empty value removes its key."""
    return {name: value for name, value in {**before, **given}.items() if value != ""}


@route("POST", "/v1/customers", FIELDS)
def create(world: World, given: Obj) -> Obj:
    row = shapes.customer(id=world.new_id("cus", 14), created=world.now())
    _put(row, given)
    world.add(row)
    world.emit("customer.created", row)
    return row


@route("POST", "/v1/customers/{}", FIELDS)
def update(world: World, given: Obj, key: str) -> Obj:
    row = world.get("customer", key)
    _put(row, given)
    world.emit("customer.updated", row)
    return row


def _put(row: Obj, given: Obj) -> None:
    for name, value in given.items():
        if name == "metadata":
            row["metadata"] = merged(row["metadata"], value)
        elif name == "address":
            row["address"] = {**row["address"], **value}
        else:
            row[name] = value or None


@route("GET", "/v1/customers/{}")
def retrieve(world: World, given: Obj, key: str) -> Obj:
    return world.get("customer", key)


@route("GET", "/v1/customers", {**listing.PAGE, "email": forms.text})
def list_all(world: World, given: Obj) -> Obj:
    rows = [
        row
        for row in world.all("customer")
        if "email" not in given or row["email"] == given["email"]
    ]
    return listing.page(rows, given, "/v1/customers")


@route(
    "POST",
    "/v1/products",
    {"name!": forms.text, "description": forms.text, "metadata": forms.metadata},
)
def create_product(world: World, given: Obj) -> Obj:
    return world.add(
        {
            "object": "product",
            "id": world.new_id("prod", 14),
            "active": True,
            "created": world.now(),
            "description": given.get("description"),
            "livemode": False,
            "metadata": given.get("metadata", {}),
            "name": given["name"],
        }
    )


@route(
    "POST",
    "/v1/prices",
    {
        "currency!": forms.currency,
        "unit_amount": forms.whole,
        "product": forms.text,
        "metadata": forms.metadata,
    },
)
def create_price(world: World, given: Obj) -> Obj:
    for name in ("unit_amount", "product"):
        if name not in given:
            raise missing(name)
    world.get("product", given["product"], param="product")
    return world.add(
        {
            "object": "price",
            "id": world.new_id("price"),
            "active": True,
            "created": world.now(),
            "currency": given["currency"],
            "livemode": False,
            "metadata": given.get("metadata", {}),
            "product": given["product"],
            "type": "one_time",
            "unit_amount": given["unit_amount"],
        }
    )
