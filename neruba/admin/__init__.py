"""The platform in the console."""

from neruba.admin.api_keys import ApiKeyAdmin
from neruba.admin.audit import AuditRecordAdmin, IdempotencyRecordAdmin
from neruba.admin.customers import CustomerAdmin, SubjectAdmin
from neruba.admin.operations import HeartbeatAdmin, InvariantCheckAdmin
from neruba.admin.operators import GroupAdmin, OperatorAdmin
from neruba.admin.projects import ProjectAdmin
from neruba.admin.work import LeaseAdmin, OutboxMessageAdmin

__all__ = [
    "ApiKeyAdmin",
    "AuditRecordAdmin",
    "CustomerAdmin",
    "GroupAdmin",
    "HeartbeatAdmin",
    "IdempotencyRecordAdmin",
    "InvariantCheckAdmin",
    "LeaseAdmin",
    "OperatorAdmin",
    "OutboxMessageAdmin",
    "ProjectAdmin",
    "SubjectAdmin",
]
