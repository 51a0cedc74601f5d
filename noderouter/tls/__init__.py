"""Certificates and keys in files: their configuration, how they are read and followed, the contexts made of them.

config     the keys `tls` of servers and clients      certificate  what a certificate says
material   the contents of the files of one `tls`     context      from those to OpenSSL's contexts
followed   the context that is in effect, and why a   certificates all of a process: the task that follows them,
           newer one is not                                        metrics, and what `/readyz` says
"""
