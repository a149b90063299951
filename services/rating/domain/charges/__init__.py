"""Charges: their identity, how they are settled, booked, sealed and audited."""
