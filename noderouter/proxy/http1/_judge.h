/* What is known of a head, and what its lines mean for it: target, framing, connection. No Python objects.
 * Part of the compiled head parser; see _head.c. */
#ifndef NODEROUTER_JUDGE_H
#define NODEROUTER_JUDGE_H
#include "../http/_grammar.h"
#include "_errors.h"

#define MAX_FIELDS 512
#define MAX_OPTIONS 32
#define SAFE_DIGITS 18 /* of a length that fits into 64 bits */
#define MAX_DIGITS 32  /* of the length of a response */
#define VAST INT64_MAX
#define MAX_SIZE 0x3fffffff /* heads are shorter than 1 GB, whatever the limits say: offsets have 32 bits */

/* Offsets into the data. The value of a field that is `folded` has its length without the folds: see `unfold`. */
typedef struct { uint32_t name, name_len, value, value_len, end, kind, folded; } field;

typedef struct {
    const uint8_t *data;
    uint32_t method, method_len, target, target_len; /* request */
    uint32_t reason, reason_len;                     /* response */
    uint32_t end;                                    /* behind the empty line */
    uint32_t count, options, reserved, block_size;
    int status, minor, host; /* `host`: index of the field, or -1 */
    int64_t length;          /* -1 chunked, -2 neither, VAST */
    uint32_t vast, vast_len; /* the digits of a length, needed where it is VAST */
    bool response, close, keep_alive, upgrade, persist;
    bool lenient, repaired; /* may it be repaired, and was it: then not all of its lines are as we would write them */
    struct { uint32_t at, len; } option[MAX_OPTIONS]; /* what Connection names and `kind_of` does not know */
    field fields[MAX_FIELDS];
} head;

/* A byte that does not belong where it is; a bare LF is always called that, unless it would do. */
static inline enum error wrong(const head *h, uint8_t byte, enum error error)
{
    return byte == '\n' && !h->lenient ? E_LF : error;
}

static enum error judge_target(const head *h)
{
    const uint8_t *method = h->data + h->method, *target = h->data + h->target;
    size_t len = h->target_len;
    if (h->method_len == 7 && memcmp(method, "CONNECT", 7) == 0)
        return is_authority(target, len, true) ? OK : E_CONNECT;
    if (target[0] == '/')
        return OK;
    if (len == 1 && target[0] == '*')
        return h->method_len == 7 && memcmp(method, "OPTIONS", 7) == 0 ? OK : E_ASTERISK;
    size_t from = BEGINS(target, len, "http://") ? 7 : BEGINS(target, len, "https://") ? 8 : 0;
    if (from == 0)
        return E_FORM;
    size_t to = from;
    while (to < len && target[to] != '/' && target[to] != '?')
        to++;
    return is_authority(target + from, to - from, false) ? OK : E_AUTHORITY;
}

static enum error judge_lengths(head *h, const uint8_t *value, size_t len);

/* RFC 9112 section 6.3. How long a response will be is for its client to judge, so what does not fit into 64 bits is kept
 * as it is written (RFC 9110 section 8.6). */
static enum error judge_length(head *h, const uint8_t *value, size_t len)
{
    if (h->lenient && (h->length >= 0 || memchr(value, ',', len)))
        return judge_lengths(h, value, len);
    if (h->length != -2)
        return h->length == -1 ? E_BOTH : E_LENGTHS;
    if (len < 1 || len > (h->response ? MAX_DIGITS : SAFE_DIGITS))
        return E_LENGTH;
    int64_t length = 0;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(value[i]))
            return E_LENGTH;
        if (len <= SAFE_DIGITS)
            length = length * 10 + (value[i] - '0');
    }
    h->length = len <= SAFE_DIGITS ? length : VAST;
    h->vast = (uint32_t)(value - h->data);
    h->vast_len = (uint32_t)len;
    return OK;
}

/* Several that are the same to the last digit are one (RFC 9110 section 8.6). */
static enum error judge_lengths(head *h, const uint8_t *value, size_t len)
{
    enum error error;
    h->repaired = true;
    for (const uint8_t *at = value, *text; at;) {
        size_t n = element(&at, value + len, &text);
        if (h->length < 0) {
            if ((error = judge_length(h, text, n)))
                return error;
        } else if (n != h->vast_len || memcmp(text, h->data + h->vast, n) != 0)
            return E_LENGTHS;
    }
    return OK;
}

/* RFC 9112 sections 6.1 and 7: chunked, once and alone. In HTTP/1.0 a response with it is the last. */
static enum error judge_coding(head *h, const uint8_t *value, size_t len)
{
    if (h->minor == 0 && !h->response)
        return E_CODING_10;
    h->close = h->close || h->minor == 0;
    if (h->length != -2)
        return h->length == -1 ? E_CODINGS : E_BOTH;
    if (IS(value, len, "chunked")) {
        h->length = -1;
        return OK;
    }
    bool chunked = false;
    for (const uint8_t *at = value, *text; at;) {
        size_t n = element(&at, value + len, &text);
        if (!is_token(text, n))
            return E_CODING;
        if (chunked)
            return E_CHUNKED;
        chunked = IS(text, n, "chunked");
    }
    return E_UNKNOWN;
}

static enum error judge_connection(head *h, const uint8_t *value, size_t len)
{
    for (const uint8_t *at = value, *text; at;) {
        size_t n = element(&at, value + len, &text);
        if (n == 0)
            continue;
        if (!is_token(text, n))
            return E_TOKENS;
        if (IS(text, n, "close"))
            h->close = true;
        else if (IS(text, n, "keep-alive"))
            h->keep_alive = true;
        else if (IS(text, n, "upgrade"))
            h->upgrade = true;
        else if (is_end_to_end(text, n) || (!h->response && IS(text, n, "transfer-encoding")))
            return E_END_TO_END;
        else if (kind_of(text, n) == PLAIN) {
            if (h->options == MAX_OPTIONS)
                return E_OPTIONS;
            h->option[h->options].at = (uint32_t)(text - h->data);
            h->option[h->options++].len = (uint32_t)n;
        }
    }
    return OK;
}

static inline enum error judge_field(head *h, field *f)
{
    const uint8_t *value = h->data + f->value;
    switch (f->kind) {
    case HOST_FIELD:
        if (h->response)
            return OK;
        if (h->host >= 0)
            return E_HOSTS;
        h->host = (int)h->count;
        return f->value_len == 0 || is_authority(value, f->value_len, false) ? OK : E_HOST;
    case LENGTH: return judge_length(h, value, f->value_len);
    case CODING: return judge_coding(h, value, f->value_len);
    case CONNECTION: return judge_connection(h, value, f->value_len);
    default: return OK;
    }
}
#endif
