"""Rate decks: their rows, how carriers' files are read, and how numbers are found in them."""
