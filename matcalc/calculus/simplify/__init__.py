"""Simplification: how a derivative looks, never whether it is right."""
