"""`/invite/<token>`: the page by which somebody who was asked comes in.

Who holds the token needs no session; looking changes nothing.
"""

from functools import partial
from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from neruba import clock
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import ConflictError, InvalidError, NotFoundError
from neruba.logins import prove
from neruba.models import Invite, Membership, User
from neruba.origin import origin_of
from neruba.roles import ROLES, Role
from neruba.services.invites import accept_invite, standing_invite


class NewOperatorForm(forms.Form):
    """What an operator gives who is not known yet."""

    name = forms.CharField(
        label="Your name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True}),
    )
    password = forms.CharField(
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The password again",
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if "password" in given and "again" in given and given["password"] != given["again"]:
            self.add_error("again", "The two passwords differ.")
        return given


class KnownOperatorForm(forms.Form):
    """An operator who is known proves to be the one: the inviter has seen the link too."""

    password = forms.CharField(
        label="Your password",
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def invite_page(request: HttpRequest, token: str) -> HttpResponse:
    """The offer, or that it was taken; one page for every token that is not good (any more)."""
    try:
        offer = standing_invite(token, wall=clock.wall())
        response = _offered(request, token, offer)
    except (NotFoundError, ConflictError):
        response = render(request, "invite/gone.html", status=404)
    # The address is a secret. Not `no-referrer`: browsers would send the form without its origin,
    # which the check against forged requests needs.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _offered(request: HttpRequest, token: str, offer: Invite) -> HttpResponse:
    known = User.objects.filter(email=offer.email).first()
    if known is not None and not known.is_active:
        raise NotFoundError("An operator who was switched off takes no invites.")
    kind = NewOperatorForm if known is None else KnownOperatorForm
    form = kind(request.POST if request.method == "POST" else None)
    role = Role(offer.role)
    context = {
        "offer": offer,
        "form": form,
        "is_new": known is None,
        "role_words": ROLES[role].words,
        "password_rules": password_validators_help_texts(),
    }
    if form.is_valid():
        # Outside of the transaction: what counts failed logins must not be undone with it.
        proven = known and prove(request, known.email, form.cleaned_data["password"])
        try:
            run_atomic(partial(_accepted, request, token, form.cleaned_data, proven))
        except InvalidError as error:
            form.add_error("password", error.detail)
        else:
            return render(request, "invite/taken.html", context)
    return render(request, "invite/offer.html", context, status=400 if form.errors else 200)


def _accepted(
    request: HttpRequest, token: str, given: dict[str, Any], proven: User | None
) -> Membership:
    wall = clock.wall()
    project = standing_invite(token, wall=wall).project
    return accept_invite(
        token=token,
        name=given.get("name", ""),
        password=given.get("password"),
        proven=proven,
        origin=Actor("operator", "", *origin_of(request)),
        at=clock.now(project),
        wall=wall,
    )
