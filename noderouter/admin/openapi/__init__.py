"""The description of the interface in OpenAPI 3.1, made from the table of routes that is in effect.

operation  what there is to say of a handler     answers   what the answers look like
handlers   that of each handler                  views     that of each view of the dashboard
document   all of it, for one table of routes
"""
