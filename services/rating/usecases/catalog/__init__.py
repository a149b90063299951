"""What is sold and bought, and at which terms: plans, decks, calendars, suppliers, bundles."""
