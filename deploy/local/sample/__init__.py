"""The sample operator: two tenants, their customers, decks and calls, all made up by us."""
