"""The platform's endpoints. Names that callers chose may hold any character but a slash
needs %2F.
"""

from django.urls import path

from neruba.api.customers import CustomerDetail, CustomerList
from neruba.api.projects import ApiKeyDetail, ApiKeyList, ClockView, ProjectDetail

urlpatterns = [
    path("projects/<str:slug>", ProjectDetail.as_view()),
    path("projects/<str:slug>/api-keys", ApiKeyList.as_view()),
    path("projects/<str:slug>/api-keys/<str:prefix>", ApiKeyDetail.as_view()),
    path("clock", ClockView.as_view()),
    path("customers", CustomerList.as_view()),
    path("customers/<str:external_id>", CustomerDetail.as_view()),
]
