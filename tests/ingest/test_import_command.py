"""`manage.py ingest`: the contract of the API, from a file."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ingest.models import FailedEvent, UsageEvent
from neruba.models import Project
from tests import factories
from tests.factories import event_body

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project()


def written(folder: Path, *lines: Any) -> str:
    path = folder / "events.jsonl"
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("\n".join(texts))
    return str(path)


def ingest(path: str, project: Project, **options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("ingest", path, project=project.slug, stdout=out, stderr=err, **options)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue(), err.getvalue()


def test_a_file_is_accepted_and_again_is_all_duplicates(tmp_path: Path, project: Project) -> None:
    path = written(tmp_path, *(event_body() for _ in range(2100)), "")
    assert ingest(path, project) == ("2100 accepted, 0 duplicate, 0 conflict, 0 failed\n", "")
    assert ingest(path, project) == ("0 accepted, 2100 duplicate, 0 conflict, 0 failed\n", "")
    assert UsageEvent.objects.count() == 2100


def test_what_is_refused_is_named_by_its_line(tmp_path: Path, project: Project) -> None:
    event = event_body(id="a")
    path = written(tmp_path, event, "", "{not json", {**event, "type": "x"}, event_body(id="b"))
    out, err = ingest(path, project)
    assert out == "2 accepted, 0 duplicate, 1 conflict, 1 failed\n"
    assert err.startswith("line 3: failed: An event is a JSON object.\nline 4: conflict: ")
    assert "Not every event was accepted" in err
    assert FailedEvent.objects.get().body == '"{not json"'


def test_the_first_lines_can_be_skipped(tmp_path: Path, project: Project) -> None:
    path = written(tmp_path, *(event_body(id=str(n)) for n in range(5)))
    assert ingest(path, project, skip=3)[0].startswith("2 accepted")
    assert set(UsageEvent.objects.values_list("event_id", flat=True)) == {"3", "4"}


def test_standard_input_is_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(event_body()).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert ingest("-", project)[0].startswith("1 accepted")


def test_a_wrong_project_or_file_is_named(tmp_path: Path, project: Project) -> None:
    assert "No such file" in ingest(str(tmp_path / "none"), project)[1]
    with pytest.raises(CommandError, match="no project 'nobody'"):
        call_command("ingest", "-", project="nobody")
