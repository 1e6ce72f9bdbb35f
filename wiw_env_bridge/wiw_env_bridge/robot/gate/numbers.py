"""One comparison that NaN never passes."""

from __future__ import annotations

import math

from wiw_core.errors import ErrorCode, WiwError


def require_within(what: str, value: float, limit: float, unit: str, hint: str = "") -> None:
    """Raise ``ACTION_OUT_OF_LIMITS`` unless ``|value| <= limit``, both finite.

    ``what`` begins the sentence, such as "The base is sent forward by".
    """
    if math.isfinite(value) and math.isfinite(limit) and abs(value) <= limit:
        return
    raise WiwError(
        ErrorCode.ACTION_OUT_OF_LIMITS,
        f"{what} {value:.3f} {unit}; the limit is {limit:g} {unit}.",
        hint,
    )
