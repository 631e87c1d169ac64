"""Endpoints of this app."""

from django.urls import path

from ingest.api.events import EventBatch, EventDetail, EventList, EventVoid
from ingest.api.failed_events import FailedEventDiscard, FailedEventResubmit
from ingest.api.meters import MeterDetail, MeterList
from ingest.api.usage import UsageView

urlpatterns = [
    path("meters", MeterList.as_view()),
    path("meters/<str:code>", MeterDetail.as_view()),
    path("events", EventList.as_view()),
    path("events/batch", EventBatch.as_view()),
    path("events/void", EventVoid.as_view()),
    path("events/one", EventDetail.as_view()),
    path("events/failed/<str:failed_id>/resubmit", FailedEventResubmit.as_view()),
    path("events/failed/<str:failed_id>/discard", FailedEventDiscard.as_view()),
    path("usage", UsageView.as_view()),
]
