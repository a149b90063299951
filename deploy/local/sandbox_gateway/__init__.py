"""A payment gateway to practise with: the part of Stripe's API that we use, its rules, and faults.

No money moves. What it was asked for is in a SQLite file, so that a kill loses nothing.
"""
