"""Addresses outside of the API."""

from django.urls import path

from payments.api.webhooks import stripe_webhook

urlpatterns = [path("webhooks/stripe/<str:slug>", stripe_webhook, name="stripe_webhook")]
