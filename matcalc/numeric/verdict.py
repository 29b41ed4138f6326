"""What numbers have said of derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """The verdict on one derivative; ok is None where it could not be verified, and `reason` says why.

    `undefined`: at so many points more f could be evaluated, but not the derivative.
    """

    ok: bool | None
    max_relative_error: float
    draws: int
    method: str
    reason: str = ""
    undefined: int = 0


@dataclass(frozen=True)
class Verification:
    """The verdict on all derivatives of a problem: right, wrong, or (None) not verified for the reason given."""

    ok: bool | None
    max_relative_error: float
    draws: int
    method: str
    reason: str
    checks: Mapping[str, Check]

    def __bool__(self) -> bool:
        """Whether everything was verified and found right."""
        return self.ok is True


def summary(checks: Mapping[str, Check]) -> Verification:
    """The verdict on a problem from those on its derivatives."""
    oks = [c.ok for c in checks.values()]
    ok = False if False in oks else None if None in oks else True
    methods = dict.fromkeys(c.method for c in checks.values())
    reasons = [f"{name}: {c.reason}" for name, c in checks.items() if c.reason]
    return Verification(
        ok=ok,
        max_relative_error=max((c.max_relative_error for c in checks.values()), default=0.0),
        draws=min((c.draws for c in checks.values()), default=0),
        method=" and ".join(methods),
        reason="; ".join(reasons),
        checks=checks,
    )


def together(checks: Sequence[Check]) -> Check:
    """The verdict on several statements of one result: that on the worst of them."""
    found = summary({str(i): check for i, check in enumerate(checks)})
    reason = next((c.reason for c in checks if c.ok is found.ok and c.reason), "")
    undefined = max((c.undefined for c in checks), default=0)
    return Check(found.ok, found.max_relative_error, found.draws, checks[0].method if checks else "", reason, undefined)
