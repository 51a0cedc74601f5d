"""`noderouter dtab check`: what an edit of the dtab ConfigMap would do, before it is made.

command     arguments, and what comes out    names       which names are tried
source      the dtabs that are compared      outcome     where a name leads, as shares of bound names
router      a running router's admin interface
"""
