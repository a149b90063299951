"""Charging calls while they run: the saga between rating's sessions and payment's holds."""
