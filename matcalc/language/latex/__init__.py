"""LaTeX input: text → pieces → arguments → tokens of the grammar → the surface tree of the language."""
