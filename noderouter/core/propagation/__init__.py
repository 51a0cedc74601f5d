"""The formats in which a request carries its place in a trace, one per file.

Each has `FIELDS`, the names of its header fields in lower case; `read(fields) -> Trace | None`, which is given the
fields of these names in order and answers None where they say nothing that counts: absent, malformed, or twice; and
`write(trace) -> bytes`, the field lines. `formats` has them by name, and the choice of a router.

What a format cannot understand costs the context and never the request. A decision without ids (`b3: 0`) is a Trace
with new ids and no span, and is written as it came.
"""
