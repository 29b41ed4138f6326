"""The files of `rules/` as records: what they state, before any formula is parsed."""
