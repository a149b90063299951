"""What plans may say: terms, conditions, time bands, rounding; and what is refused."""
