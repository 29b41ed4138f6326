"""The language: text to a problem, with kinds and shapes inferred."""
