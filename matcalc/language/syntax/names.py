"""One name for the many ways to write it: Σ is Sigma, W_{1} is W_1; W_1 and W1 have one key."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron "
    "pi rho sigma tau upsilon phi chi psi omega"
).split()
_LOWER = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _LETTERS, strict=True))
_VARIANTS = {"ς": "sigma", "ϵ": "epsilon", "ϑ": "theta", "ϕ": "phi", "ϖ": "pi", "ϱ": "rho", "ϰ": "kappa", "µ": "mu", "ℓ": "ell"}
_UPPER = {c.upper(): name.capitalize() for c, name in _LOWER.items()}
GREEK: dict[str, str] = _LOWER | _UPPER | _VARIANTS
"""Greek letters and their English names."""

SCALAR_NAMES = frozenset([*_LETTERS, "varepsilon", "vartheta", "varphi", "varrho", "varsigma", "eps", "ell"])
"""The names that are scalars without a declaration: lower-case Greek, eps, ell."""

_BRACES = re.compile(r"_?\{(\w+)\}")
_SUBSCRIPT_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUBSCRIPT = re.compile(r"(?<![₀-₉])(?=[₀-₉])")
_NUMBERED = re.compile(r"_([0-9]+)$")
_STEM = re.compile(r"_?[0-9]*$")


def canonical(raw: str) -> str:
    """The name as it is stored: ASCII where it can be, `Sigma` for Σ, `W_1` for W_{1} and W₁, `R` for ℝ."""
    if raw.isascii() and "{" not in raw:
        return raw
    name = _BRACES.sub(r"_\1", raw)
    name = _SUBSCRIPT.sub("_", name).replace("__", "_").translate(_SUBSCRIPT_DIGITS)
    name = "".join(GREEK.get(c, c) for c in name)
    name = unicodedata.normalize("NFKC", name)
    return "".join(GREEK.get(c, c) for c in name)


@lru_cache(maxsize=4_096)
def name_key(name: str) -> str:
    """What equal names share: W_1 and W1 have the key W1."""
    return _NUMBERED.sub(r"\1", name)


def stem(name: str) -> str:
    """The name without its number: `alpha` for alpha_2, `W` for W1."""
    return _STEM.sub("", name.split("_")[0] if "_" in name else name) or name


@lru_cache(maxsize=4_096)
def is_greek_scalar(name: str) -> bool:
    """Whether convention makes the name a scalar: a lower-case Greek letter, with a number or subscript or without."""
    return name in SCALAR_NAMES or stem(name) in SCALAR_NAMES
