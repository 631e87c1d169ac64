"""Laws of subscriptions that change: each preview is the invoice, whatever the story."""

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis.extra.django import TestCase

from tests.properties.change_stories import Story
from tests.properties.change_worlds import DAY, START, Step, World, scheduled, stories, worlds

pytestmark = pytest.mark.once

# Each plays half a year or more: as many as of other laws of whole invoices.
EXAMPLES = max(5, int(os.environ.get("NERUBA_EXAMPLES", "50")) // 4)


class ChangeLaws(TestCase):
    @settings(max_examples=EXAMPLES)
    @given(world=worlds(), steps=stories)
    def test_each_preview_is_the_invoice_that_is_issued(
        self, world: World, steps: Sequence[Step]
    ) -> None:
        story = Story(world)
        story.play(steps)
        story.end()

    @settings(max_examples=max(3, EXAMPLES // 3))
    @given(world=worlds(), steps=scheduled)
    def test_runs_of_every_few_days_issue_what_one_run_issues(
        self, world: World, steps: Sequence[Step]
    ) -> None:
        often, once = Story(world), Story(world)
        for story in (often, once):
            for step in steps:
                story.do(step)
        for days in range(5, 100, 5):
            often.clock(START + days * DAY)
        once.clock(START + 95 * DAY)
        assert often.hashes() == once.hashes(), once.did
