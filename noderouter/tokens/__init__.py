"""Tokens that clients show (JWT, RFC 7519): who has sent a request, by the word of an issuer.

config      the key `jwt` of a server             jwt         a token, taken apart strictly (pure)
jwk         keys of an issuer (pure)              claims      what a token must say (pure)
forward     claims as header fields (pure)        verifier    judges a token, and remembers good ones
key_source  keeps the keys of an issuer current   fetch       one GET of them
sources     the key sources of the process        kept        last good keys, in a folder
"""
