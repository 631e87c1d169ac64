"""The events' list, and the endpoints that hear of them."""

from bin.lib.fake_stripe import forms, listing
from bin.lib.fake_stripe.errors import invalid
from bin.lib.fake_stripe.routing import route
from bin.lib.fake_stripe.world import API_VERSION, Obj, World


@route("GET", "/v1/events/{}")
def retrieve(world: World, given: Obj, key: str) -> Obj:
    return world.get("event", key)


@route(
    "GET",
    "/v1/events",
    {
        **listing.PAGE,
        "type": forms.text,
        "types": [forms.text],
        "delivery_success": forms.flag,
    },
)
def list_all(world: World, given: Obj) -> Obj:
    if "type" in given and "types" in given:
        raise invalid("You may only specify one of type and types.", param="types")
    names = given.get("types", [given["type"]] if "type" in given else ["*"])
    rows = [row for row in world.all("event") if any(fits(row["type"], name) for name in names)]
    return listing.page(rows, given, "/v1/events")


def fits(name: str, wanted: str) -> bool:
    """Whether an event's type is one of `charge.succeeded`, `charge.*` or `*`."""
    return wanted in ("*", name) or (wanted.endswith(".*") and name.startswith(wanted[:-1]))


def new_endpoint(world: World, url: str, enabled_events: list[str], secret: str = "") -> Obj:
    row = world.add(
        {
            "id": world.new_id("we"),
            "object": "webhook_endpoint",
            "api_version": None,
            "application": None,
            "created": world.now(),
            "description": None,
            "enabled_events": enabled_events,
            "livemode": False,
            "metadata": {},
            "status": "enabled",
            "url": url,
        }
    )
    world.hidden[row["id"]]["secret"] = secret or f"whsec_{world.new_id('x', 32)[2:]}"
    return row


@route(
    "POST",
    "/v1/webhook_endpoints",
    {
        "url!": forms.address,
        "enabled_events!": [forms.text],
        "api_version": forms.one_of(API_VERSION),
        "description": forms.text,
        "metadata": forms.metadata,
    },
)
def create_endpoint(world: World, given: Obj) -> Obj:
    row = new_endpoint(world, given["url"], given["enabled_events"])
    row.update({name: given[name] for name in given if name not in ("url", "enabled_events")})
    # The secret is shown here and never again.
    return {**row, "secret": world.hidden[row["id"]]["secret"]}


@route("GET", "/v1/webhook_endpoints/{}")
def retrieve_endpoint(world: World, given: Obj, key: str) -> Obj:
    return world.get("webhook_endpoint", key)


@route("GET", "/v1/webhook_endpoints", listing.PAGE)
def list_endpoints(world: World, given: Obj) -> Obj:
    return listing.page(world.all("webhook_endpoint"), given, "/v1/webhook_endpoints")


@route(
    "POST",
    "/v1/webhook_endpoints/{}",
    {"url": forms.address, "enabled_events": [forms.text], "disabled": forms.flag},
)
def update_endpoint(world: World, given: Obj, key: str) -> Obj:
    row = world.get("webhook_endpoint", key)
    if "disabled" in given:
        row["status"] = "disabled" if given.pop("disabled") else "enabled"
    row.update(given)
    return row


@route("DELETE", "/v1/webhook_endpoints/{}")
def delete_endpoint(world: World, given: Obj, key: str) -> Obj:
    world.get("webhook_endpoint", key)
    del world.objects[key]
    world.kinds["webhook_endpoint"].remove(key)
    return {"id": key, "object": "webhook_endpoint", "deleted": True}
