"""Texts from outside the configuration, edited while routers run: followed, checked, the last good one kept."""
