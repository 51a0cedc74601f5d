"""The administrative interface: an ASGI application on a port of its own, loopback unless configured (spec section 7).

    listen      opens the socket, with clear errors, before anything is imported
    server      serves the application with hypercorn on trio; imports hypercorn late
    app         HTTP in general: bodies, limits, HEAD, errors
    routes      which path has which handlers, and its group
    security    which groups and paths there are; which origins may change something
    state       everything the application knows of the router, as callables
    handler/    the endpoints

It shares its thread with the data path: nothing here works for long without a rest (`telemetry.pace`).
"""
