"""Receipts: the whole reasoning behind an amount, as data and in words."""
