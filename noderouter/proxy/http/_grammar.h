/* The grammar that heads are made of in every version: byte classes, names, lists, authorities. No Python objects, no state.
 * Part of the compiled head parser (http1/_head.c) and of the compiled HPACK (http2/_hpack.c); `grammar.py` is its twin. */
#ifndef NODEROUTER_GRAMMAR_H
#define NODEROUTER_GRAMMAR_H
#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What each byte may be part of. PATH and QUERY are the bytes of targets (see grammar.py); all bytes of a token are
 * in PATH but '#'; HOST is RFC 3986's reg-name without '%' and ','. */
enum { TOKEN = 1, PATH = 2, QUERY = 4, HOST = 8, VALUE = 16 };
#define V VALUE
#define Q (V | QUERY)
#define P (Q | PATH)
#define T (P | TOKEN)
#define H (P | HOST)
#define A (T | HOST)
static const uint8_t CLASS[256] = {
    ['\t'] = V, [' '] = V, ['!'] = A, ['"'] = P, ['#'] = V | TOKEN, ['$'] = A, ['%'] = T, ['&'] = A, ['\''] = A,
    ['('] = H, [')'] = H, ['*'] = A, ['+'] = A, [','] = P, ['-'] = A, ['.'] = A, ['/'] = P, ['0' ... '9'] = A,
    [':'] = P, [';'] = H, ['<'] = V, ['='] = H, ['>'] = V, ['?'] = Q, ['@'] = P, ['A' ... 'Z'] = A, ['['] = P,
    ['\\'] = Q, [']'] = P, ['^'] = T, ['_'] = A, ['`'] = T, ['a' ... 'z'] = A, ['{'] = P, ['|'] = T, ['}'] = P,
    ['~'] = A, [0x80 ... 0xff] = P,
};
#undef V
#undef Q
#undef P
#undef T
#undef H
#undef A

/* The bytes of a field value, eight at a time up to the first control byte, HTAB included, then one by one. */
static inline const uint8_t *skip_value(const uint8_t *p, const uint8_t *stop)
{
    const uint64_t ones = 0x0101010101010101u;
    for (uint64_t word; stop - p >= 8; p += 8) {
        memcpy(&word, p, 8);
        uint64_t not_del = word ^ ones * 0x7f;
        if ((((word - ones * 0x20) & ~word) | ((not_del - ones) & ~not_del)) & ones * 0x80)
            break;
    }
    while (p < stop && CLASS[*p] & VALUE)
        p++;
    return p;
}

static inline bool is(const uint8_t *text, size_t len, const char *lower, size_t lower_len)
{
    /* For letters, digits and '-', which is all that our names have, | 0x20 is lower case and nothing else is the same:
     * the only other bytes that it could map there are control bytes, which are no part of a token. */
    if (len != lower_len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((text[i] | 0x20) != (uint8_t)lower[i])
            return false;
    return true;
}
#define IS(text, len, literal) is(text, len, literal, sizeof(literal) - 1)
#define BEGINS(text, len, literal) ((len) >= sizeof(literal) - 1 && IS(text, sizeof(literal) - 1, literal))

#include "_fields.h"

static inline uint8_t lower(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte; }

static inline bool is_token(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!(CLASS[text[i]] & TOKEN))
            return false;
    return len > 0;
}

static inline bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t'; }
static inline bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }
static inline bool is_hex(uint8_t byte) { return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f'); }

/* host[:port] with a host; `with_port`: host:port with both. */
static inline bool is_authority(const uint8_t *text, size_t len, bool with_port)
{
    size_t i = 0;
    if (len && text[0] == '[') {
        char address[46];
        struct in6_addr parsed;
        for (i = 1; i < len && text[i] != ']'; i++) {
            if (i > 45 || !(is_hex(text[i]) || text[i] == ':' || text[i] == '.'))
                return false;
            address[i - 1] = (char)text[i];
        }
        if (i == len)
            return false;
        address[i - 1] = 0;
        if (inet_pton(AF_INET6, address, &parsed) != 1)
            return false;
        i++;
    } else {
        for (; i < len && text[i] != ':'; i++) {
            if (text[i] == '%') {
                if (len - i < 3 || !is_hex(text[i + 1]) || !is_hex(text[i + 2]))
                    return false;
                i += 2;
            } else if (!(CLASS[text[i]] & HOST))
                return false;
        }
        if (i == 0)
            return false;
    }
    if (i == len)
        return !with_port;
    if (text[i] != ':' || len - i > 6)
        return false;
    uint32_t port = 0;
    bool empty = ++i == len;
    for (; i < len; i++) {
        if (!is_digit(text[i]))
            return false;
        port = port * 10 + (text[i] - '0');
    }
    return port <= 65535 && !(empty && with_port);
}

/* The next element of a list, without white space around it; advances *at behind its comma. */
static inline size_t element(const uint8_t **at, const uint8_t *stop, const uint8_t **text)
{
    const uint8_t *from = *at, *to = memchr(from, ',', (size_t)(stop - from));
    *at = to ? to + 1 : NULL;
    to = to ? to : stop;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    *text = from;
    return (size_t)(to - from);
}
#endif
