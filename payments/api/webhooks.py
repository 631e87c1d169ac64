"""Where the provider posts its news: verified, stored once, answered; the work comes after."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from neruba import clock
from neruba.api.problems import plain_problem
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.models import Project, ProjectSecret
from neruba.nudge import nudge
from neruba.services.secrets import secret_of
from payments.services.inbox import receive_event
from payments.stripe_events import parse_stripe_event
from payments.tasks import work_on_event

# Stripe's events are far below this.
MAX_BODY = 512 * 1024


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest, slug: str) -> HttpResponse:
    """200 once the receipt is stored, a duplicate too; 400 where nobody signed it who knows the
    project's secret, and nothing is stored. A project that is not there, or has no signing secret,
    answers as if the address did not exist.

    It is never limited by rate: a forged message costs a hash, and an event is not lost.
    """
    if "Transfer-Encoding" in request.headers:
        return plain_problem(411, "length_required", "Send the body with a Content-Length.")
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY:
        return plain_problem(413, "too_large", "No event is as large as this.")
    project = Project.objects.filter(slug=slug).first()
    secret = None
    if project is not None:
        secret = secret_of(project, ProjectSecret.Name.STRIPE_WEBHOOK_SECRET)
    if project is None or secret is None:
        return plain_problem(404, "not_found", "No webhooks are received at this address.")
    body, wall = request.body, clock.wall()
    try:
        found = parse_stripe_event(
            body,
            signature=request.headers.get("Stripe-Signature", ""),
            secrets=[secret],
            now=wall,
        )
        store = partial(receive_event, project=project, found=found, body=body, wall=wall)
        received = run_atomic(store)
    except NerubaError as error:
        return plain_problem(error.status, error.code, error.detail)
    if received.event.subject and not received.replayed:
        nudge(work_on_event, project.pk, received.event.subject)
    return HttpResponse(status=200)
