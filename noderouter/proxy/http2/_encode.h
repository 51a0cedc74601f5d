/* From fields to a header block (RFC 7541 section 6), and frames around it (RFC 9113 section 6). No Python objects.
 * Part of the compiled HPACK; see _hpack.c. `encoder_pure.py` is its twin, and writes the same bytes.
 *
 * A field is added to the table when it is seen for the second time among the last SEEN that were in neither table: what
 * is new each time does not push out what is not. Lines are found by a hash of all of their bytes, letters in either
 * case, so that those of HTTP/1 are found as they are; but first it is seen whether the line is the one that came
 * behind the last one before, as it mostly is. */
#ifndef NODEROUTER_ENCODE_H
#define NODEROUTER_ENCODE_H
#include "_rules.h"
#include "_table.h"

#define SEEN 64
#define SHORT_COOKIE 20 /* below that, it could be guessed (RFC 7541 section 7.1.3) */
#define PER_FIELD 24    /* bytes that a field may take more than its text: three integers */

typedef struct {
    table t;
    uint32_t *buckets; /* the number of the newest entry in each; as many as `t.slots` when it was made */
    uint32_t *behind;  /* the number of the entry that came behind the one of each slot */
    uint32_t bucket_count;
    uint32_t first, last; /* the number of the entry that a message began with; of the last one of this message */
    bool begun;           /* there is a `last` */
    uint32_t seen[SEEN], next_seen;
    uint32_t own_max;           /* ours, whatever the peer allows */
    uint32_t smallest, wanted;  /* since the last block: what the next one has to say */
    uint32_t max_frame;
    bool resized;
} encoder;

typedef struct { const uint8_t *text; size_t len; } bytes;
typedef struct { const bytes *names; size_t count; } never;

enum representation { WITHOUT = 0x00, NEVER = 0x10, INDEXED = 0x40 };

static struct { uint32_t hash; uint8_t index; } STATIC_BY_LINE[256], STATIC_BY_NAME[256];
static size_t longest_static;

static inline uint64_t mixed(uint64_t state, uint64_t word)
{
    return ((state << 29 | state >> 35) ^ (word | 0x2020202020202020u)) * 0x9e3779b97f4a7c15u;
}

static inline uint64_t word_at(const uint8_t *text)
{
    uint64_t word;
    memcpy(&word, text, 8);
    return word;
}

/* Sixteen bytes at a time, in two lanes, and the last sixteen, some of them once more; never 0. */
static inline uint32_t hash_of(const uint8_t *text, size_t len)
{
    uint64_t one = len, other = 0;
    if (len >= 16) {
        for (const uint8_t *p = text, *last = text + len - 16; p < last; p += 16) {
            one = mixed(one, word_at(p));
            other = mixed(other, word_at(p + 8));
        }
        one = mixed(one, word_at(text + len - 16));
        other = mixed(other, word_at(text + len - 8));
    } else if (len >= 8) {
        one = mixed(one, word_at(text));
        other = mixed(other, word_at(text + len - 8));
    } else
        for (size_t i = 0; i < len; i++)
            one = mixed(one, text[i]);
    one = mixed(one, other);
    const uint32_t hash = (uint32_t)(one ^ one >> 32);
    return hash ? hash : 1;
}

/* What stays with a connection (RFC 9113 section 8.2.2); framing is written anew, and Host is :authority in requests. */
static inline bool stays(const uint8_t *name, size_t len, bool request)
{
    switch (kind_of(name, len)) {
    case HOST_FIELD: return request;
    case LENGTH:
    case CODING:
    case CONNECTION:
    case UPGRADE:
    case DROPPED: return true;
    default: return false;
    }
}

static void encode_init(void)
{
    for (uint32_t i = 0; i < STATIC_COUNT; i++) {
        const uint8_t *line = (const uint8_t *)STATIC_LINES[i].line;
        const size_t name_len = STATIC_LINES[i].name_len, len = name_len + STATIC_LINES[i].value_len + AROUND;
        uint32_t hash = hash_of(line, len), at = hash & 255;
        while (STATIC_BY_LINE[at].index)
            at = (at + 1) & 255;
        if (!stays(line, name_len, false)) {
            STATIC_BY_LINE[at].hash = hash;
            STATIC_BY_LINE[at].index = (uint8_t)(i + 1);
        }
        longest_static = len > longest_static ? len : longest_static;
        if (i && STATIC_LINES[i - 1].name_len == name_len && memcmp(STATIC_LINES[i - 1].line, line, name_len) == 0)
            continue; /* the first of a name stands for it */
        for (hash = hash_of(line, name_len), at = hash & 255; STATIC_BY_NAME[at].index;)
            at = (at + 1) & 255;
        STATIC_BY_NAME[at].hash = hash;
        STATIC_BY_NAME[at].index = (uint8_t)(i + 1);
    }
}

/* Eight bytes, the letters A to Z among them in lower case. */
static inline uint64_t lower_word(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u, low = word & ones * 0x7f;
    const uint64_t from_a = low + ones * (0x80 - 'A'), behind_z = low + ones * (0x7f - 'Z');
    return word | ((from_a ^ behind_z) & ~word & ones * 0x80) >> 2;
}

/* Whether a line is the one of an entry, whose name is in lower case. */
static inline bool same_line(const uint8_t *line, const uint8_t *known, size_t name_len, size_t len)
{
    if (memcmp(line, known, len) == 0)
        return true;
    if (name_len < 8) {
        for (size_t i = 0; i < name_len; i++)
            if (lower(line[i]) != known[i])
                return false;
    } else {
        for (size_t i = 0; i < name_len - 8; i += 8)
            if (lower_word(word_at(line + i)) != word_at(known + i))
                return false;
        if (lower_word(word_at(line + name_len - 8)) != word_at(known + name_len - 8))
            return false;
    }
    return memcmp(line + name_len, known + name_len, len - name_len) == 0;
}

/* The index of a line, 0 if it is in neither table. */
static uint32_t find(const encoder *e, const uint8_t *line, size_t len, uint32_t hash)
{
    const table *t = &e->t;
    if (len <= longest_static)
        for (uint32_t at = hash & 255; STATIC_BY_LINE[at].index; at = (at + 1) & 255) {
            const uint32_t i = STATIC_BY_LINE[at].index - 1u;
            const size_t known = (size_t)STATIC_LINES[i].name_len + STATIC_LINES[i].value_len + AROUND;
            if (STATIC_BY_LINE[at].hash == hash && known == len
                && same_line(line, (const uint8_t *)STATIC_LINES[i].line, STATIC_LINES[i].name_len, len))
                return i + 1;
        }
    if (!e->bucket_count)
        return 0;
    /* Numbers get older along a chain; where they do not, or are of entries that went, it has ended. */
    uint32_t number = e->buckets[hash & (e->bucket_count - 1)];
    for (uint32_t age, last = 0; (age = t->added - number) <= t->count && age > last; last = age) {
        const entry *found = entry_at(t, number);
        if (found->chain.hash == hash && line_size(found) == len && same_line(line, line_of(t, found), found->name_len, len))
            return STATIC_COUNT + age;
        number = found->chain.before;
    }
    return 0;
}

static inline void chain(encoder *e, uint32_t number)
{
    uint32_t *bucket = &e->buckets[entry_at(&e->t, number)->chain.hash & (e->bucket_count - 1)];
    entry_at(&e->t, number)->chain.before = *bucket;
    *bucket = number;
}

/* Adds a line to the table; false without memory. */
static bool index_line(encoder *e, const uint8_t *line, size_t name_len, size_t value_len, uint32_t hash)
{
    entry *added;
    if (add(&e->t, line, name_len, value_len, false, &added) < 1)
        return false;
    added->chain.hash = hash;
    if (e->bucket_count != e->t.slots) {
        free_memory(e->buckets);
        e->bucket_count = 0;
        e->begun = false;
        if (!(e->buckets = get_memory(2 * e->t.slots * sizeof *e->buckets)))
            return false;
        e->bucket_count = e->t.slots;
        e->behind = e->buckets + e->bucket_count;
        for (uint32_t i = 0; i < 2 * e->bucket_count; i++)
            e->buckets[i] = e->t.added; /* of nobody yet */
        for (uint32_t number = e->t.added - e->t.count; number != e->t.added; number++)
            chain(e, number);
    } else
        chain(e, e->t.added - 1);
    return true;
}

/* Whether a line was seen lately; if not, it is from now on. */
static bool seen_before(encoder *e, uint32_t hash)
{
    uint32_t found = 0;
    for (int i = 0; i < SEEN; i++)
        found |= e->seen[i] == hash;
    if (!found) {
        e->seen[e->next_seen] = hash;
        e->next_seen = (e->next_seen + 1) % SEEN;
    }
    return found;
}

/* The writers below have their room: PER_FIELD for each field, and its text. */
static inline void put_integer(buffer *out, uint8_t first, uint32_t bits, size_t value)
{
    const size_t mask = (1u << bits) - 1;
    if (value < mask) {
        out->text[out->len++] = first | (uint8_t)value;
        return;
    }
    out->text[out->len++] = first | (uint8_t)mask;
    for (value -= mask; value >= 128; value >>= 7)
        out->text[out->len++] = 0x80 | (value & 0x7f);
    out->text[out->len++] = (uint8_t)value;
}

/* As it is: in the Huffman code it would be a quarter shorter, and cost more than all the rest of a request's block. */
static void put_string(buffer *out, const uint8_t *text, size_t len)
{
    put_integer(out, 0, 7, len);
    memcpy(out->text + out->len, text, len);
    out->len += len;
}

static void put_literal(buffer *out, const uint8_t *line, size_t name_len, size_t value_len, enum representation as)
{
    const uint32_t hash = hash_of(line, name_len);
    uint32_t index = 0;
    for (uint32_t at = hash & 255; STATIC_BY_NAME[at].index && !index; at = (at + 1) & 255) {
        const uint32_t i = STATIC_BY_NAME[at].index - 1u;
        if (STATIC_BY_NAME[at].hash == hash && STATIC_LINES[i].name_len == name_len
            && memcmp(STATIC_LINES[i].line, line, name_len) == 0)
            index = i + 1;
    }
    put_integer(out, as, as == INDEXED ? 6 : 4, index);
    if (!index)
        put_string(out, line, name_len);
    put_string(out, line + name_len + 2, value_len);
}

static bool is_secret(const uint8_t *line, size_t name_len, size_t value_len, const never *names)
{
    if ((name_len == 13 && memcmp(line, "authorization", 13) == 0)
        || (name_len == 6 && value_len < SHORT_COOKIE && memcmp(line, "cookie", 6) == 0))
        return true;
    for (size_t i = 0; i < names->count; i++)
        if (names->names[i].len == name_len && memcmp(names->names[i].text, line, name_len) == 0)
            return true;
    return false;
}

/* Whether a line of this length may be in the table: none that takes more than a quarter of it. */
static inline bool fits(const encoder *e, size_t len) { return len - AROUND + OVERHEAD <= e->t.max / 4; }

/* Where it is kept what comes next. */
static inline uint32_t *next_of(encoder *e)
{
    return e->begun ? &e->behind[e->last & (e->bucket_count - 1)] : &e->first;
}

/* The entry of the next line of a block is this one, and most likely will be so again. */
static inline void came(encoder *e, uint32_t number)
{
    *next_of(e) = number;
    e->last = number;
    e->begun = true;
}

/* The index of the line at the beginning of `text` and its length, if it is what came here before; else 0. */
static inline uint32_t guess(encoder *e, const uint8_t *text, size_t size, size_t *len)
{
    if (!e->bucket_count)
        return 0;
    const uint32_t number = *next_of(e), age = e->t.added - number;
    if (age - 1 >= e->t.count)
        return 0;
    const entry *expected = entry_at(&e->t, number);
    *len = line_size(expected);
    if (*len > size || !same_line(text, line_of(&e->t, expected), expected->name_len, *len)
        || !(fits(e, *len) || *len <= longest_static))
        return 0;
    e->last = number;
    e->begun = true;
    return STATIC_COUNT + age;
}

/* Encodes the line of a field, its name in lower case. */
static bool put_line(encoder *e, buffer *out, const uint8_t *line, size_t name_len, size_t value_len, const never *names)
{
    const size_t len = name_len + value_len + AROUND;
    if (is_secret(line, name_len, value_len, names)) {
        put_literal(out, line, name_len, value_len, NEVER);
        return true;
    }
    if (!fits(e, len) && len > longest_static) {
        put_literal(out, line, name_len, value_len, WITHOUT);
        return true;
    }
    const uint32_t hash = hash_of(line, len), index = find(e, line, len, hash);
    if (index) {
        put_integer(out, 0x80, 7, index);
        return true;
    }
    if (!fits(e, len) || !seen_before(e, hash)) {
        put_literal(out, line, name_len, value_len, WITHOUT);
        return true;
    }
    put_literal(out, line, name_len, value_len, INDEXED);
    return index_line(e, line, name_len, value_len, hash);
}
#endif
