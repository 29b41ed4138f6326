"""SymPy expressions of a person's own, in and out."""
