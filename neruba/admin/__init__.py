"""The platform in the console."""

from neruba.admin.api_keys import ApiKeyAdmin
from neruba.admin.audit import AuditRecordAdmin, IdempotencyRecordAdmin
from neruba.admin.customers import CustomerAdmin, SubjectAdmin
from neruba.admin.logins import AccessAttemptAdmin, AccessFailureLogAdmin
from neruba.admin.operators import GroupAdmin, OperatorAdmin
from neruba.admin.projects import ProjectAdmin
from neruba.admin.secrets import ProjectSecretAdmin
from neruba.admin.work import LeaseAdmin, OutboxMessageAdmin

__all__ = [
    "AccessAttemptAdmin",
    "AccessFailureLogAdmin",
    "ApiKeyAdmin",
    "AuditRecordAdmin",
    "CustomerAdmin",
    "GroupAdmin",
    "IdempotencyRecordAdmin",
    "LeaseAdmin",
    "OperatorAdmin",
    "OutboxMessageAdmin",
    "ProjectAdmin",
    "ProjectSecretAdmin",
    "SubjectAdmin",
]
