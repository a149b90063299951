"""The formats of records that are files or pushes: one module each, pure parsers of bytes."""
