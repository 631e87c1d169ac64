"""A strict fake of Stripe behind real HTTP: docs/stripe.md."""

from bin.lib.fake_stripe.running import Control, ControlError, Running, running_fake_stripe

__all__ = ["Control", "ControlError", "Running", "running_fake_stripe"]
