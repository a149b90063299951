"""Prices of calls that have not happened: from memory, and nothing is stored."""
