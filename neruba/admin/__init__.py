"""The platform in the console."""

from neruba.admin.api_keys import ApiKeyAdmin
from neruba.admin.approvals import ApprovalAdmin
from neruba.admin.audit import AuditRecordAdmin, IdempotencyRecordAdmin
from neruba.admin.customers import CustomerAdmin, SubjectAdmin
from neruba.admin.logins import AccessAttemptAdmin, AccessFailureLogAdmin
from neruba.admin.members import InviteAdmin, MembershipAdmin
from neruba.admin.operations import HeartbeatAdmin, InvariantCheckAdmin
from neruba.admin.operators import OperatorAdmin, OperatorTokenAdmin
from neruba.admin.projects import ProjectAdmin
from neruba.admin.roles import RoleAdmin
from neruba.admin.secrets import ProjectSecretAdmin
from neruba.admin.tax_rates import TaxRateAdmin
from neruba.admin.work import LeaseAdmin, OutboxMessageAdmin

__all__ = [
    "AccessAttemptAdmin",
    "AccessFailureLogAdmin",
    "ApiKeyAdmin",
    "ApprovalAdmin",
    "AuditRecordAdmin",
    "CustomerAdmin",
    "HeartbeatAdmin",
    "IdempotencyRecordAdmin",
    "InvariantCheckAdmin",
    "InviteAdmin",
    "LeaseAdmin",
    "MembershipAdmin",
    "OperatorAdmin",
    "OperatorTokenAdmin",
    "OutboxMessageAdmin",
    "ProjectAdmin",
    "ProjectSecretAdmin",
    "RoleAdmin",
    "SubjectAdmin",
    "TaxRateAdmin",
]
