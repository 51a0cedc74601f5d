/* Made from field_names.py by `python -m noderouter.proxy.http.field_names`: edit that.
 * Part of the compiled head parser and HPACK; see _grammar.h. */
#ifndef NODEROUTER_FIELDS_H
#define NODEROUTER_FIELDS_H

/* Fields that mean something to us. PLAIN ones are forwarded; HOST_FIELD too. */
enum kind { PLAIN, HOST_FIELD, LENGTH, CODING, CONNECTION, UPGRADE, RESERVED, DROPPED };

/* `kind` where a name is `lower`. With '_' for a '-', which is the same to what is behind CGI, it means
 * nothing to us, and is dropped: else a stranger could say what only a router may. */
static inline enum kind named(const uint8_t *name, const char *lower, size_t len, enum kind kind)
{
    for (size_t i = 0; i < len; i++)
        if ((name[i] | 0x20) != (uint8_t)lower[i]) {
            if (name[i] != '_' || lower[i] != '-')
                return PLAIN;
            kind = DROPPED;
        }
    return kind;
}

static inline enum kind kind_of(const uint8_t *name, size_t len)
{
    enum kind kind;
    switch (len) {
    case 2:
        if (IS(name, len, "te")) return RESERVED;
        break;
    case 3:
        if (IS(name, len, "via")) return RESERVED;
        break;
    case 4:
        if (IS(name, len, "host")) return HOST_FIELD;
        break;
    case 6:
        if (IS(name, len, "expect")) return RESERVED;
        break;
    case 7:
        if (IS(name, len, "trailer")) return RESERVED;
        if (IS(name, len, "upgrade")) return UPGRADE;
        break;
    case 10:
        if (IS(name, len, "connection")) return CONNECTION;
        if ((kind = named(name, "keep-alive", len, DROPPED))) return kind;
        break;
    case 12:
        if ((kind = named(name, "max-forwards", len, RESERVED))) return kind;
        break;
    case 14:
        if ((kind = named(name, "content-length", len, LENGTH))) return kind;
        break;
    case 16:
        if ((kind = named(name, "proxy-connection", len, DROPPED))) return kind;
        break;
    case 17:
        if ((kind = named(name, "transfer-encoding", len, CODING))) return kind;
        break;
    case 18:
        if ((kind = named(name, "proxy-authenticate", len, DROPPED))) return kind;
        break;
    case 19:
        if ((kind = named(name, "proxy-authorization", len, DROPPED))) return kind;
        break;
    case 23:
        if ((kind = named(name, "x-forwarded-client-cert", len, RESERVED))) return kind;
        break;
    }
    if (len > 3 && IS(name, 3, "l5d") && (name[3] == '-' || name[3] == '_'))
        return memchr(name, '_', len) ? DROPPED : RESERVED;
    return PLAIN;
}

/* What Connection must not name (RFC 9110 section 7.6.1): fields that are meant for everybody. */
static inline bool is_end_to_end(const uint8_t *name, size_t len)
{
    return IS(name, len, "host")
        || IS(name, len, "via")
        || IS(name, len, "forwarded")
        || IS(name, len, "expect")
        || IS(name, len, "authorization")
        || IS(name, len, "cookie")
        || IS(name, len, "set-cookie")
        || IS(name, len, "cache-control")
        || IS(name, len, "max-forwards")
        || BEGINS(name, len, "l5d-")
        || BEGINS(name, len, "x-forwarded-")
        || BEGINS(name, len, "content-");
}

/* What no message of HTTP/2 may have (RFC 9113 section 8.2.2). */
static inline bool is_connection_specific(const uint8_t *name, size_t len)
{
    return IS(name, len, "connection")
        || IS(name, len, "keep-alive")
        || IS(name, len, "proxy-connection")
        || IS(name, len, "transfer-encoding")
        || IS(name, len, "upgrade");
}

/* What is refused behind a message (RFC 9110 section 6.5.1). */
static inline bool is_not_in_trailers(const uint8_t *name, size_t len)
{
    return IS(name, len, "age")
        || IS(name, len, "authentication-info")
        || IS(name, len, "authorization")
        || IS(name, len, "cache-control")
        || IS(name, len, "content-encoding")
        || IS(name, len, "content-length")
        || IS(name, len, "content-range")
        || IS(name, len, "content-type")
        || IS(name, len, "cookie")
        || IS(name, len, "date")
        || IS(name, len, "expect")
        || IS(name, len, "expires")
        || IS(name, len, "forwarded")
        || IS(name, len, "host")
        || IS(name, len, "location")
        || IS(name, len, "max-forwards")
        || IS(name, len, "pragma")
        || IS(name, len, "range")
        || IS(name, len, "retry-after")
        || IS(name, len, "set-cookie")
        || IS(name, len, "transfer-encoding")
        || IS(name, len, "vary")
        || IS(name, len, "via")
        || IS(name, len, "warning")
        || IS(name, len, "www-authenticate")
        || BEGINS(name, len, "x-forwarded-")
        || BEGINS(name, len, "if-");
}
#endif
