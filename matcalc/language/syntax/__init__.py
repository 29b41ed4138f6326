"""The surface of the language: text in, statements out."""
