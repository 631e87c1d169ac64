"""The platform's endpoints. Names that callers chose may hold any character but a slash
needs %2F.
"""

from django.urls import path

from neruba.api.api_keys import ApiKeyDetail, ApiKeyList, ApiKeyRotation
from neruba.api.approvals import (
    ApprovalApprove,
    ApprovalDetail,
    ApprovalList,
    ApprovalRefuse,
    ApprovalWithdraw,
)
from neruba.api.audit import AuditList
from neruba.api.customers import CustomerDetail, CustomerList
from neruba.api.members import (
    InviteAcceptance,
    InviteDetail,
    InviteList,
    MemberDetail,
    MemberList,
)
from neruba.api.projects import ClockView, ProjectDetail, ProjectList
from neruba.api.tax_rates import TaxRateDetail, TaxRateList
from neruba.api.tokens import TokenView

urlpatterns = [
    path("auth/token", TokenView.as_view()),
    path("projects", ProjectList.as_view()),
    path("projects/<str:slug>", ProjectDetail.as_view()),
    path("projects/<str:slug>/members", MemberList.as_view()),
    path("projects/<str:slug>/members/<str:email>", MemberDetail.as_view()),
    path("projects/<str:slug>/invites", InviteList.as_view()),
    path("projects/<str:slug>/invites/accept", InviteAcceptance.as_view()),
    path("projects/<str:slug>/invites/<str:public_id>", InviteDetail.as_view()),
    path("projects/<str:slug>/api-keys", ApiKeyList.as_view()),
    path("projects/<str:slug>/api-keys/<str:prefix>", ApiKeyDetail.as_view()),
    path("projects/<str:slug>/api-keys/<str:prefix>/rotate", ApiKeyRotation.as_view()),
    path("approvals", ApprovalList.as_view()),
    path("approvals/<str:public_id>", ApprovalDetail.as_view()),
    path("approvals/<str:public_id>/approve", ApprovalApprove.as_view()),
    path("approvals/<str:public_id>/refuse", ApprovalRefuse.as_view()),
    path("approvals/<str:public_id>/withdraw", ApprovalWithdraw.as_view()),
    path("audit", AuditList.as_view()),
    path("clock", ClockView.as_view()),
    path("customers", CustomerList.as_view()),
    path("customers/<str:external_id>", CustomerDetail.as_view()),
    path("tax-rates", TaxRateList.as_view()),
    path("tax-rates/<str:code>", TaxRateDetail.as_view()),
]
