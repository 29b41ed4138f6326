"""Printing: the language's own text, Unicode and LaTeX."""
