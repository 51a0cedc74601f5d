"""Failure accrual: taking endpoints that fail out of the draw, and probing them back in (spec section 4.2)."""
