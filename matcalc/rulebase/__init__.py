"""The rule base: the files of `rules/`, compiled, checked and filled in."""
