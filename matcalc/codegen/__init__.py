"""Functions over arrays in the languages of rules/backends: operations chosen by cost, then spelled."""
