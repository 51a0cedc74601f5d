/* What one field means, whatever stands around it (RFC 9113 sections 8.2 and 8.3), and what can be wrong with a message.
 * No Python objects. Part of the compiled HPACK; see _hpack.c. `field_rules.py` is its twin. */
#ifndef NODEROUTER_RULES_H
#define NODEROUTER_RULES_H
#include "../http/_grammar.h"

/* The first of them are of a field alone, and known with its entry. Statuses and texts are those of the twin. */
#define FIELD_ERRORS(X) \
    X(E_VALUE, 400, "a control byte in a field value") \
    X(E_BLANK, 400, "white space around a field value") \
    X(E_NAME, 400, "a field name is not a lower-case token") \
    X(E_UNKNOWN, 400, "an unknown pseudo-field") \
    X(E_METHOD, 400, ":method is not a token") \
    X(E_SCHEME, 400, ":scheme is not a scheme") \
    X(E_AUTHORITY, 400, ":authority is not host[:port]") \
    X(E_PATH, 400, ":path is empty or has a byte that is not allowed") \
    X(E_FORM, 400, ":path does not begin with /") \
    X(E_PROTOCOL, 400, ":protocol is not a token") \
    X(E_STATUS, 400, ":status is not three digits from 100 to 999") \
    X(E_SWITCHING, 400, "a status of 101, which HTTP/2 does not have") \
    X(E_LENGTH, 400, "Content-Length is not a number, or has too many digits") \
    X(E_SPECIFIC, 400, "a connection-specific field") \
    X(E_TE, 400, "te is not trailers")
#define MESSAGE_ERRORS(X) \
    X(E_FIELDS, 431, "too many fields") \
    X(E_LIST, 431, "the list of fields is too large") \
    X(E_OTHER, 400, "a pseudo-field of the other kind of message") \
    X(E_IN_TRAILERS, 400, "a pseudo-field among trailer fields") \
    X(E_LATE, 400, "a pseudo-field behind other fields") \
    X(E_TWICE, 400, "a pseudo-field twice") \
    X(E_NO_METHOD, 400, "no :method") \
    X(E_NO_SCHEME, 400, "no :scheme") \
    X(E_NO_AUTHORITY, 400, "neither :authority nor Host") \
    X(E_NO_PATH, 400, "no :path") \
    X(E_NO_STATUS, 400, "no :status") \
    X(E_ASTERISK, 400, "the :path * is for OPTIONS only") \
    X(E_CONNECT, 400, "the :authority of CONNECT is not host:port") \
    X(E_CONNECT_MORE, 400, "CONNECT with :scheme or :path") \
    X(E_CONNECT_BODY, 400, "CONNECT with a body") \
    X(E_NOT_CONNECT, 400, ":protocol without CONNECT") \
    X(E_EXTENDED, 400, "an extended CONNECT, which was not offered") \
    X(E_HOST, 400, "Host is not host[:port]") \
    X(E_HOSTS, 400, "more than one Host") \
    X(E_DIFFERENT, 400, "Host and :authority differ") \
    X(E_LENGTHS, 400, "more than one Content-Length") \
    X(E_TRAILER, 400, "a trailer field that must not be one")

#define NAME(name, status, reason) name,
#define ANSWER(name, status, reason) [name] = {status, reason},
enum error { OK, FIELD_ERRORS(NAME) FIELD_ERRORS_END, MESSAGE_ERRORS(NAME) ERRORS_END };
static const struct { int status; const char *reason; } ANSWERS[ERRORS_END] = {
    FIELD_ERRORS(ANSWER) MESSAGE_ERRORS(ANSWER)};
#undef NAME
#undef ANSWER

/* What a field is, as far as it alone tells; from WRONG on, an error. Fits into six bits. */
enum class {
    UNKNOWN, /* not looked at yet */
    FORWARDED,
    COOKIE,
    METHOD, METHOD_CONNECT, METHOD_OPTIONS,
    SCHEME,
    AUTHORITY, AUTHORITY_PORT, /* host:port, both */
    PATH_SLASH, PATH_ASTERISK,
    PROTOCOL,
    STATUS,
    HOST_RIGHT, HOST_WRONG,
    LENGTH_RIGHT, LENGTH_VAST, /* more digits than fit into 64 bits: for a response */
    ACTED_ON,                  /* `reserved` */
    LEFT_OUT,
    WRONG, /* + enum error */
};
_Static_assert(WRONG + FIELD_ERRORS_END <= 64, "a class fits into six bits");

#define SAFE_DIGITS 18
#define MAX_DIGITS 32 /* of the length of a response; see http1/_judge.h */

static inline bool is_text(const uint8_t *text, size_t len, uint8_t class)
{
    for (size_t i = 0; i < len; i++)
        if (!(CLASS[text[i]] & class))
            return false;
    return len > 0;
}

static inline bool is_lower_token(const uint8_t *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!(CLASS[name[i]] & TOKEN) || (name[i] >= 'A' && name[i] <= 'Z'))
            return false;
    return len > 0;
}

/* RFC 3986 section 3.1 */
static inline bool is_scheme(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const bool letter = (text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z';
        if (!letter && (i == 0 || !(is_digit(text[i]) || text[i] == '+' || text[i] == '-' || text[i] == '.')))
            return false;
    }
    return len > 0;
}

/* The bytes of an HTTP/1 target, but none above 126 (RFC 9113 section 8.3.1 wants those of RFC 3986). */
static inline uint32_t class_of_path(const uint8_t *path, size_t len)
{
    uint8_t class = PATH;
    for (size_t i = 0; i < len; i++) {
        if (path[i] == '?')
            class = QUERY;
        if (!(CLASS[path[i]] & class) || path[i] > 126)
            return WRONG + E_PATH;
    }
    if (!len)
        return WRONG + E_PATH;
    if (path[0] == '/')
        return PATH_SLASH;
    return len == 1 && path[0] == '*' ? PATH_ASTERISK : WRONG + E_FORM;
}

static inline uint32_t class_of_status(const uint8_t *text, size_t len)
{
    if (len != 3 || text[0] == '0' || !is_digit(text[0]) || !is_digit(text[1]) || !is_digit(text[2]))
        return WRONG + E_STATUS;
    return memcmp(text, "101", 3) == 0 ? WRONG + E_SWITCHING : STATUS;
}

static inline uint32_t class_of_length(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]))
            return WRONG + E_LENGTH;
    return len < 1 || len > MAX_DIGITS ? WRONG + E_LENGTH : len <= SAFE_DIGITS ? LENGTH_RIGHT : LENGTH_VAST;
}

static uint32_t class_of_pseudo(const uint8_t *name, size_t name_len, const uint8_t *value, size_t len)
{
#define CALLED(literal) (name_len == sizeof(literal) - 1 && memcmp(name, literal, sizeof(literal) - 1) == 0)
    if (CALLED(":method")) {
        if (!is_text(value, len, TOKEN))
            return WRONG + E_METHOD;
        if (len != 7)
            return METHOD;
        return memcmp(value, "CONNECT", 7) == 0 ? METHOD_CONNECT : memcmp(value, "OPTIONS", 7) == 0 ? METHOD_OPTIONS : METHOD;
    }
    if (CALLED(":scheme"))
        return is_scheme(value, len) ? SCHEME : WRONG + E_SCHEME;
    if (CALLED(":authority"))
        return is_authority(value, len, true) ? AUTHORITY_PORT : is_authority(value, len, false) ? AUTHORITY : WRONG + E_AUTHORITY;
    if (CALLED(":path"))
        return class_of_path(value, len);
    if (CALLED(":protocol"))
        return is_text(value, len, TOKEN) ? PROTOCOL : WRONG + E_PROTOCOL;
    if (CALLED(":status"))
        return class_of_status(value, len);
    return WRONG + E_UNKNOWN;
#undef CALLED
}

/* Whether a value has nothing that no value may have. */
static inline bool is_plain_value(const uint8_t *value, size_t len)
{
    return skip_value(value, value + len) == value + len && !(len && (is_blank(value[0]) || is_blank(value[len - 1])));
}

/* The class of a field: an enum class, or WRONG and what is wrong. */
static uint32_t classify(const uint8_t *name, size_t name_len, const uint8_t *value, size_t len)
{
    if (skip_value(value, value + len) != value + len)
        return WRONG + E_VALUE;
    if (len && (is_blank(value[0]) || is_blank(value[len - 1])))
        return WRONG + E_BLANK;
    if (name_len && name[0] == ':')
        return class_of_pseudo(name, name_len, value, len);
    if (!is_lower_token(name, name_len))
        return WRONG + E_NAME;
    switch (kind_of(name, name_len)) {
    case HOST_FIELD: return is_authority(value, len, false) ? HOST_RIGHT : HOST_WRONG;
    case LENGTH: return class_of_length(value, len);
    case CODING:
    case CONNECTION:
    case UPGRADE: return WRONG + E_SPECIFIC;
    case DROPPED: return is_connection_specific(name, name_len) ? WRONG + E_SPECIFIC : LEFT_OUT;
    case RESERVED: return name_len != 2 || IS(value, len, "trailers") ? ACTED_ON : WRONG + E_TE;
    default: return name_len == 6 && memcmp(name, "cookie", 6) == 0 ? COOKIE : FORWARDED;
    }
}
#endif
