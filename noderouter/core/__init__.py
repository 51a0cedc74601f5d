"""The vocabulary every stage of the pipe shares: exchanges, messages, headers, services, errors.

Version-neutral: only the codecs know HTTP/1 from HTTP/2. Pure values and protocols; no I/O, no clock.
"""
