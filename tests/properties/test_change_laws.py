"""Laws of subscriptions that change: each preview is the invoice, whatever the story."""

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis.extra.django import TestCase

from tests.properties.change_stories import Step, Story, World, stories, worlds

pytestmark = pytest.mark.once

# Each plays half a year or more: as many as of other laws of whole invoices.
EXAMPLES = max(5, int(os.environ.get("NERUBA_EXAMPLES", "50")) // 2)


class ChangeLaws(TestCase):
    @settings(max_examples=EXAMPLES)
    @given(world=worlds(), steps=stories)
    def test_each_preview_is_the_invoice_that_is_issued(
        self, world: World, steps: Sequence[Step]
    ) -> None:
        story = Story(world)
        story.play(steps)
        story.end()
