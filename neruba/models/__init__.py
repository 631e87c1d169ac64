"""The platform's rows: tenancy, credentials, parties, audit, HTTP idempotency, work and news."""

from neruba.models.access import ApiKey, User
from neruba.models.approval import Approval
from neruba.models.audit import AuditRecord
from neruba.models.customer import Customer, Subject
from neruba.models.idempotency import IdempotencyRecord
from neruba.models.lease import Lease
from neruba.models.membership import Invite, Membership, OperatorToken
from neruba.models.operations import Heartbeat, InvariantCheck
from neruba.models.outbox import OutboxMessage
from neruba.models.project import Project
from neruba.models.secret import ProjectSecret
from neruba.models.tax_rate import TaxRate

__all__ = [
    "ApiKey",
    "Approval",
    "AuditRecord",
    "Customer",
    "Heartbeat",
    "IdempotencyRecord",
    "InvariantCheck",
    "Invite",
    "Lease",
    "Membership",
    "OperatorToken",
    "OutboxMessage",
    "Project",
    "ProjectSecret",
    "Subject",
    "TaxRate",
    "User",
]
