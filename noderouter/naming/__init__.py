"""Names: from a Path to addresses, without awaiting.

`var.py` and `computed.py` hold current values, `binding.py` caches what names are bound to, `interpreter/` and
`transformer/` hold the kinds of their roles, `addr.py` what a bound name stands for.
"""
