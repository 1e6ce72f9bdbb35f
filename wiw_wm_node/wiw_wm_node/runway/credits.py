"""What a run has spent at a service, and the limit that it refuses to pass."""

from __future__ import annotations

import math

from wiw_core.errors import ErrorCode, WiwError


class Credits:
    """Counts the credits of one run: reserved before a task is asked for, settled when it ends.

    A task whose price is not known in the end (it was cancelled, or the answer was lost) counts at
    the price that was reserved: the count may be too high, never too low.

    Parameters
    ----------
    limit : float
        Most credits that may be spent; positive.

    Attributes
    ----------
    spent : float
        Credits reserved or charged so far.
    """

    def __init__(self, limit: float) -> None:
        if not (math.isfinite(limit) and limit > 0.0):
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The limit of credits is {limit}: nothing may be spent.",
                "Say in the parameter max_credits how many credits this run may spend.",
            )
        self.limit = limit
        self.spent = 0.0

    def check(self, price: float) -> None:
        """Refuse a price that would pass the limit.

        Raises
        ------
        WiwError
            ``MODEL_UNAVAILABLE``; nothing has been spent then.
        """
        if not math.isfinite(price) or price < 0.0 or self.spent + price > self.limit:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"{price:g} more credits would pass this run's limit:"
                f" {self.spent:g} of {self.limit:g} are spent.",
                "Raise max_credits to go on.",
            )

    def reserve(self, price: float) -> None:
        """Count a price before it is charged; raises as :meth:`check`."""
        self.check(price)
        self.spent += price

    def settle(self, reserved: float, charged: float) -> None:
        """Replace what was reserved for a task by what it was charged.

        A charge above the limit is counted too: it has been spent.
        """
        if math.isfinite(charged) and charged >= 0.0:
            self.spent += charged - reserved

    def __str__(self) -> str:
        return f"{self.spent:g} of {self.limit:g} credits spent"
