"""Pricing, periods and proration: pure functions, without Django, clock or settings."""
