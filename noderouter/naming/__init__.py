"""Names: from a Path to addresses, without awaiting.

`lookup.py` is what a namer is, `binding.py` what a name is bound to, `binding_cache.py` keeps those in use,
`utility.py` has the names below `/$/`. `namer/`, `transformer/` and `interpreter/` hold the kinds of
their roles; `dns/` and `files/` are where namers get their values from.
"""
