"""What fees cost: recurring, once, of numbers, and the adjustment of a volume tier."""
