/* From a header block to a message: the fields of RFC 7541 section 6, and what they make together (RFC 9113 section 8).
 * No Python objects. Part of the compiled HPACK; see _hpack.c. `decoder_pure.py` is its twin. */
#ifndef NODEROUTER_DECODE_H
#define NODEROUTER_DECODE_H
#include "_known.h"
#include "_rules.h"
#include "_table.h"

/* The connection is lost, in the words of the twin; or we have no memory. */
#define BREAKS(X) \
    X(B_CUT, "the header block ends within a field") \
    X(B_INTEGER, "an integer of a header block is too large") \
    X(B_INDEX, "an index of a header block is in neither table") \
    X(B_CODE, "a string of a header block is not in the Huffman code") \
    X(B_UPDATE, "a table size update that is not at the beginning of a header block, or the third there") \
    X(B_SIZE, "a table size update above the limit") \
    X(B_MISSING, "no table size update although the limit is lower than before")
#define NAME(name, text) name,
#define TEXT(name, text) [name] = text,
enum outcome { DONE, BREAKS(NAME) NO_MEMORY };
static const char *const BREAK_TEXTS[] = {BREAKS(TEXT)};
#undef NAME
#undef TEXT

enum message_kind { REQUEST, RESPONSE, TRAILERS };
enum { AT_METHOD, AT_SCHEME, AT_AUTHORITY, AT_PATH, AT_PROTOCOL, PSEUDO };

typedef struct {
    table t;
    uint32_t max_size, limit; /* what we announced; what holds now */
    uint32_t max_list, max_fields;
    bool extended; /* CONNECT with :protocol is allowed */
    bool any_trailers; /* trailers are those of responses */
    bool lowered;  /* the next block has to begin with an update (RFC 7541 section 4.2) */
    known_codes *known;
} decoder;

typedef struct {
    enum message_kind kind;
    enum error error;
    bool regular, connect, options, asterisk, with_port; /* a CONNECT with Host alone has no :authority with a port */
    uint32_t fields, taken, hosts, status;               /* `fields`: all of the block; `taken`: until an error */
    int64_t length;
    char vast[MAX_DIGITS + 1]; /* the digits, if there are more than fit into `length` */
    size_t list;               /* in the RFC's count */
    object *pseudo[PSEUDO];
    object **reserved;
    size_t reserved_count, reserved_room;
    buffer out, cookies;
    uint8_t out_fixed[4096], cookies_fixed[512];
} message;

typedef struct { const uint8_t *line; size_t name_len, value_len; uint32_t class; entry *e; } field;

static entry STATIC_ENTRIES[STATIC_COUNT];

static void decode_init(void)
{
    for (int i = 0; i < STATIC_COUNT; i++) {
        const uint8_t *line = (const uint8_t *)STATIC_LINES[i].line;
        const size_t name_len = STATIC_LINES[i].name_len, value_len = STATIC_LINES[i].value_len;
        STATIC_ENTRIES[i].name_len = (uint16_t)name_len;
        STATIC_ENTRIES[i].value_len = (uint16_t)value_len;
        STATIC_ENTRIES[i].kind = classify(line, name_len, line + name_len + 2, value_len) & 63;
    }
}

static void message_init(message *m, enum message_kind kind)
{
    memset(m, 0, offsetof(message, out));
    m->kind = kind;
    m->length = -1;
    buffer_init(&m->out, m->out_fixed, sizeof m->out_fixed);
    buffer_init(&m->cookies, m->cookies_fixed, sizeof m->cookies_fixed);
}

static void message_forget(message *m)
{
    for (int i = 0; i < PSEUDO; i++)
        if (m->pseudo[i]) {
            drop(m->pseudo[i]);
            m->pseudo[i] = NULL;
        }
    for (size_t i = 0; i < m->reserved_count; i++)
        drop(m->reserved[i]);
    m->reserved_count = 0;
    m->out.len = m->cookies.len = 0;
}

static void message_free(message *m)
{
    message_forget(m);
    free_memory(m->reserved);
    buffer_free(&m->out);
    buffer_free(&m->cookies);
}

/* What `make` makes of a field; made once for an entry. */
static object *object_of(const field *f, bool pair)
{
    if (f->e && f->e->known)
        return hold(f->e->known);
    const uint8_t *value = f->line + f->name_len + 2;
    object *made = pair ? pair_of(f->line, f->name_len, value, f->value_len) : bytes_of(value, f->value_len);
    if (made && f->e)
        f->e->known = hold(made);
    return made;
}

static bool reserve(message *m, object *pair)
{
    if (!pair)
        return false;
    if (m->reserved_count == m->reserved_room) {
        const size_t room = m->reserved_room ? m->reserved_room * 2 : 8;
        object **more = get_memory(room * sizeof *more);
        if (!more) {
            drop(pair);
            return false;
        }
        if (m->reserved_count)
            memcpy(more, m->reserved, m->reserved_count * sizeof *more);
        free_memory(m->reserved);
        m->reserved = more;
        m->reserved_room = room;
    }
    m->reserved[m->reserved_count++] = pair;
    return true;
}

#include "_take.h"

/* Section 5.1: an integer behind `bits` of its first byte. No more than four bytes follow that. */
static inline enum outcome integer(const uint8_t **at, const uint8_t *end, uint32_t bits, uint32_t *value)
{
    const uint8_t *p = *at;
    const uint32_t mask = (1u << bits) - 1;
    uint32_t v = *p++ & mask;
    if (v == mask)
        for (uint32_t shift = 0;; shift += 7) {
            if (p == end)
                return B_CUT;
            if (shift > 21)
                return B_INTEGER;
            v += (uint32_t)(*p & 0x7f) << shift;
            if (!(*p++ & 0x80))
                break;
        }
    *at = p;
    *value = v;
    return DONE;
}

/* Section 5.2: a string, to the end of `out`, where there will be room for two bytes behind it; `slot` as in _known.h. */
static inline enum outcome string(decoder *d, uint32_t slot, const uint8_t **at, const uint8_t *end, buffer *out)
{
    uint32_t len;
    enum outcome outcome;
    if (*at == end)
        return B_CUT;
    const bool coded = **at & 0x80;
    if ((outcome = integer(at, end, 7, &len)))
        return outcome;
    if (len > (size_t)(end - *at))
        return B_CUT;
    const uint8_t *text = *at;
    *at += len;
    if (!has_room(out, (coded ? huffman_most(len) : len) + 2))
        return NO_MEMORY;
    if (!coded) {
        memcpy(out->text + out->len, text, len);
        out->len += len;
        return DONE;
    }
    const uint8_t *stop = known_decode(&d->known, slot, text, len, out->text + out->len);
    if (!stop)
        return B_CODE;
    out->len = (size_t)(stop - out->text);
    return DONE;
}

/* The field of an index, which is not 0. */
static inline bool indexed(decoder *d, uint32_t index, field *f)
{
    if (index <= STATIC_COUNT) {
        f->e = &STATIC_ENTRIES[index - 1];
        f->line = (const uint8_t *)STATIC_LINES[index - 1].line;
    } else {
        index -= STATIC_COUNT + 1;
        if (index >= d->t.count)
            return false;
        f->e = entry_at(&d->t, d->t.added - 1 - index);
        f->line = line_of(&d->t, f->e);
    }
    f->name_len = f->e->name_len;
    f->value_len = f->e->value_len;
    return true;
}

/* Section 6.2: a literal field, whose line comes to the end of `out`; takes it off again if it is not forwarded. */
static enum outcome literal(decoder *d, message *m, const uint8_t **at, const uint8_t *end)
{
    const uint8_t first = **at;
    const bool add_it = first & 0x40;
    buffer *out = &m->out;
    const size_t start = out->len;
    enum outcome outcome;
    uint32_t index;
    field f;
    if ((outcome = integer(at, end, add_it ? 6 : 4, &index)))
        return outcome;
    uint32_t class = UNKNOWN;
    if (index) {
        if (!indexed(d, index, &f))
            return B_INDEX;
        class = f.e->kind;
        if (!has_room(out, f.name_len + 2))
            return NO_MEMORY;
        memcpy(out->text + out->len, f.line, f.name_len);
        out->len += f.name_len;
    } else {
        if ((outcome = string(d, 0, at, end, out)))
            return outcome;
        f.name_len = out->len - start;
    }
    memcpy(out->text + out->len, ": ", 2);
    out->len += 2;
    if ((outcome = string(d, index, at, end, out)))
        return outcome;
    f.value_len = out->len - start - f.name_len - 2;
    memcpy(out->text + out->len, "\r\n", 2);
    out->len += 2;
    f.line = out->text + start;
    f.e = NULL;
    if (add_it && add(&d->t, f.line, f.name_len, f.value_len, true, &f.e) < 0)
        return NO_MEMORY;
    f.class = class == FORWARDED && is_plain_value(f.line + f.name_len + 2, f.value_len) ? FORWARDED : UNKNOWN;
    if (f.e)
        f.e->kind = f.class & 63;
    bool forwarded = false;
    if (!take(d, m, &f, (first & 0xf0) == 0x10, &forwarded))
        return NO_MEMORY;
    if (!forwarded)
        out->len = start;
    return DONE;
}

static enum outcome update(decoder *d, const uint8_t **at, const uint8_t *end)
{
    uint32_t size;
    enum outcome outcome = integer(at, end, 5, &size);
    if (outcome)
        return outcome;
    if (size > d->limit)
        return B_SIZE;
    d->t.max = size;
    evict(&d->t, size, true);
    d->lowered = false;
    return DONE;
}

/* Decodes a whole block. Whatever is wrong with the message, the table is then what the peer's is. */
static enum outcome decode(decoder *d, message *m, const uint8_t *at, const uint8_t *end)
{
    uint32_t updates = 0;
    const uint8_t *run = NULL, *run_end = NULL; /* lines that stand one behind the other in the table, not put yet */
    while (at < end) {
        enum outcome outcome;
        if ((*at & 0xe0) == 0x20) {
            if (m->fields || updates++ == 2)
                return B_UPDATE;
            outcome = update(d, &at, end);
        } else if (d->lowered)
            return B_MISSING;
        else if (m->fields++, *at & 0x80) {
            uint32_t index;
            field f;
            if ((outcome = integer(&at, end, 7, &index)))
                return outcome;
            if (!index || !indexed(d, index, &f))
                return B_INDEX;
            f.class = f.e->kind;
            bool forwarded = f.class == FORWARDED && m->kind != TRAILERS && may_take(d, m, &f);
            m->regular |= forwarded;
            if (!forwarded && !take(d, m, &f, false, &forwarded))
                return NO_MEMORY;
            if (forwarded && f.line != run_end) {
                if (run && !put(&m->out, run, (size_t)(run_end - run)))
                    return NO_MEMORY;
                run = run_end = f.line;
            }
            if (forwarded)
                run_end += f.name_len + f.value_len + AROUND;
        } else {
            if (run && !put(&m->out, run, (size_t)(run_end - run)))
                return NO_MEMORY;
            run = run_end = NULL; /* the table may change */
            outcome = literal(d, m, &at, end);
        }
        if (outcome)
            return outcome;
    }
    if (run && !put(&m->out, run, (size_t)(run_end - run)))
        return NO_MEMORY;
    if (!m->error)
        m->error = judge(d, m);
    if (m->error)
        message_forget(m);
    else if (m->cookies.len && !(put(&m->out, m->cookies.text, m->cookies.len) && put(&m->out, "\r\n", 2)))
        return NO_MEMORY;
    return DONE;
}

static void decoder_init(decoder *d, uint32_t max_size)
{
    memset(d, 0, sizeof *d);
    d->t.max = FIRST_SIZE;
    d->max_size = max_size;
    d->limit = max_size > FIRST_SIZE ? max_size : FIRST_SIZE;
}

static void decoder_free(decoder *d)
{
    table_free(&d->t, true);
    known_free(d->known);
}

/* The peer has acknowledged our settings: what we announced holds for what it sends from now on. */
static void acknowledged(decoder *d)
{
    d->limit = d->max_size;
    d->lowered = d->t.max > d->limit;
}
#endif
