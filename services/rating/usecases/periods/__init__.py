"""Billing periods: what falls due in them, and their seal."""
