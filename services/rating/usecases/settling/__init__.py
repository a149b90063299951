"""Charges of what has happened: priced, counted, stored and told in one transaction."""
