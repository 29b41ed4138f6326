"""Verdicts on claims as a person or a program reads them, and the exit status that they mean."""

from __future__ import annotations

import json
from collections.abc import Sequence

from matcalc.claims.verdict import Verdict

RIGHT, WRONG, UNCHECKED = 0, 1, 3


def render(verdicts: Sequence[Verdict], form: str) -> str:
    """The verdicts in "text", "unicode", "latex" or "json"; of several a list."""
    if form == "json":
        told = [v.to_dict() for v in verdicts]
        return json.dumps(told[0] if len(told) == 1 else told, indent=2)
    return "\n\n".join(v.told(form) for v in verdicts)


def status(verdicts: Sequence[Verdict]) -> int:
    """0 all right, 1 one is wrong, 3 one could not be checked."""
    oks = [v.ok for v in verdicts]
    return WRONG if False in oks else UNCHECKED if None in oks else RIGHT
