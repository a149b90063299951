"""The price of one usage: the reference that everything else is held against."""
