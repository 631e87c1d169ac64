"""Operators who call the API: logged in with a password, or with a token that a service issued."""

from typing import Any

from rest_framework.test import APIClient

from neruba import clock
from neruba.actor import SYSTEM
from neruba.models import Project, User
from neruba.services.operator_tokens import issue_operator_token
from tests import factories

PASSWORD = "a-long-enough-password"
TOKEN = "/api/v1/auth/token"


def caller(secret: str, **headers: str) -> APIClient:
    """Whoever sends this token; the project only where `headers` or the address name it."""
    client: Any = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", **headers)
    found: APIClient = client
    return found


def token_of(user: User) -> str:
    return issue_operator_token(user=user, actor=SYSTEM, wall=clock.wall()).secret


def acting(role: str, project: Project) -> APIClient:
    """A new member of the project, who names it with each request."""
    user = factories.operator(project=project, role=role)
    return caller(token_of(user), HTTP_NERUBA_PROJECT=project.slug)


def log_in(email: str, password: str = PASSWORD) -> Any:
    body = {"email": email, "password": password}
    return APIClient(raise_request_exception=False).post(TOKEN, body, format="json")


def said(answer: Any) -> dict[str, Any]:
    """What a refusal says, but for the number of the request."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}
