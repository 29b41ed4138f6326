"""The version of matcalc."""

__version__ = "0.1.0"
