"""The calculus: differentials, adjoints, structure, simplification."""
