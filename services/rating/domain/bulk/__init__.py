"""The prices of many calls in one pass over columns, bit for bit those of `pricing`."""
