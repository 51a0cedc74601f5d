"""Response classifiers: was it a success, and may it be tried again (spec section 4.4)."""
