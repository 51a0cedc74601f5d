/* The tables of RFC 7541 section 2.3, and bytes that grow. No Python objects: what includes this says what an `object` is.
 * Part of the compiled HPACK; see _hpack.c.
 *
 * An entry's field is kept as the line that it is for others, `name: value CRLF`. The lines of a dynamic table lie one behind
 * the other in one piece of memory, oldest first; entries stand in a ring, by number. Both grow when they are full. */
#ifndef NODEROUTER_TABLE_H
#define NODEROUTER_TABLE_H
#include "_tables.h"
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define FIRST_SIZE 4096u  /* of every table, until something else was said (RFC 9113 section 6.5.2) */
#define LARGEST_SIZE 65536u
#define OVERHEAD 32u /* of an entry, in the RFC's count of its size */
#define AROUND 4u    /* bytes of a line that are neither name nor value */
#define PLACES 0x3ffffffu

typedef struct {
    union {
        object *known;                           /* decoder: what was made of it for others, or NULL */
        struct { uint32_t hash, before; } chain; /* encoder: number of the one before it in its bucket */
    };
    uint32_t place : 26, kind : 6; /* where its line begins, see `base`; decoder: enum kind */
    uint16_t name_len, value_len;
} entry;

typedef struct {
    entry *ring;
    uint8_t *text;
    uint32_t slots, room;  /* of `ring`, a power of two or 0; of `text` */
    uint32_t added, count; /* entries ever, modulo 2^32: the number of the next one; entries there */
    uint32_t base, end;    /* places, modulo 2^26, of `text` and of what comes behind the newest line */
    uint32_t size, max;    /* in the RFC's count */
} table;

static inline entry *entry_at(const table *t, uint32_t number) { return &t->ring[number & (t->slots - 1)]; }
static inline entry *oldest(const table *t) { return entry_at(t, t->added - t->count); }
static inline uint32_t line_size(const entry *e) { return (uint32_t)e->name_len + e->value_len + AROUND; }
static inline uint32_t entry_size(const entry *e) { return (uint32_t)e->name_len + e->value_len + OVERHEAD; }
static inline const uint8_t *line_of(const table *t, const entry *e) { return t->text + ((e->place - t->base) & PLACES); }

/* Takes away the oldest entries until the rest has no more than `size`; `knows`: of a decoder. */
static void evict(table *t, uint32_t size, bool knows)
{
    while (t->size > size) {
        entry *e = oldest(t);
        if (knows && e->known)
            drop(e->known);
        t->size -= entry_size(e);
        t->count--;
    }
}

static bool more_slots(table *t)
{
    const uint32_t slots = t->slots ? t->slots * 2 : 8;
    entry *ring = get_memory(slots * sizeof *ring);
    if (!ring)
        return false;
    for (uint32_t number = t->added - t->count; number != t->added; number++)
        ring[number & (slots - 1)] = *entry_at(t, number);
    free_memory(t->ring);
    t->ring = ring;
    t->slots = slots;
    return true;
}

/* Has room for `len` more bytes behind the newest line: moves the lines to the front, where that gains a quarter, or else to
 * a larger piece. All lines of a table are shorter than its size, so `room` stays below twice that, and some. */
static bool more_text(table *t, uint32_t len)
{
    const uint32_t from = t->count ? oldest(t)->place : t->end;
    const uint32_t live = (t->end - from) & PLACES, skipped = (from - t->base) & PLACES;
    if ((live + len) <= t->room / 4 * 3)
        memmove(t->text, t->text + skipped, live);
    else {
        uint32_t room = t->room ? t->room + t->room / 2 : 256;
        if (room < live + len)
            room = live + len;
        uint8_t *text = get_memory(room);
        if (!text)
            return false;
        if (live)
            memcpy(text, t->text + skipped, live);
        free_memory(t->text);
        t->text = text;
        t->room = room;
    }
    t->base = from;
    return true;
}

/* Adds a field, whose line must not be one of the table's own: those go for it (section 4.4).
 * Returns 1 and the entry, 0 if the field is larger than the table, -1 without memory. */
static int add(table *t, const uint8_t *line, size_t name_len, size_t value_len, bool knows, entry **added)
{
    const size_t size = name_len + value_len + OVERHEAD, len = name_len + value_len + AROUND;
    if (size > t->max) {
        evict(t, 0, knows);
        return 0;
    }
    evict(t, t->max - (uint32_t)size, knows);
    if (t->count == t->slots && !more_slots(t))
        return -1;
    if (((t->end - t->base) & PLACES) + len > t->room && !more_text(t, (uint32_t)len))
        return -1;
    entry *e = entry_at(t, t->added);
    memset(e, 0, sizeof *e);
    e->place = t->end & PLACES;
    e->name_len = (uint16_t)name_len;
    e->value_len = (uint16_t)value_len;
    memcpy(t->text + ((t->end - t->base) & PLACES), line, len);
    t->end = (t->end + (uint32_t)len) & PLACES;
    t->size += (uint32_t)size;
    t->added++;
    t->count++;
    *added = e;
    return 1;
}

static void table_free(table *t, bool knows)
{
    evict(t, 0, knows);
    free_memory(t->ring);
    free_memory(t->text);
}

static inline size_t table_memory(const table *t) { return t->slots * sizeof(entry) + t->room; }

/* Bytes that are written one behind the other, at first into memory that somebody else has. */
typedef struct { uint8_t *text, *fixed; size_t len, room; } buffer;

static inline void buffer_init(buffer *b, uint8_t *fixed, size_t room)
{
    b->text = b->fixed = fixed;
    b->len = 0;
    b->room = room;
}

static void buffer_free(buffer *b)
{
    if (b->text != b->fixed)
        free_memory(b->text);
}

static bool buffer_grow(buffer *b, size_t more)
{
    size_t room = b->room * 2;
    if (room < b->len + more)
        room = b->len + more;
    uint8_t *text = get_memory(room);
    if (!text)
        return false;
    memcpy(text, b->text, b->len);
    buffer_free(b);
    b->text = text;
    b->room = room;
    return true;
}

static inline bool has_room(buffer *b, size_t more) { return b->room - b->len >= more || buffer_grow(b, more); }

static inline bool put(buffer *b, const void *text, size_t len)
{
    if (!has_room(b, len))
        return false;
    memcpy(b->text + b->len, text, len);
    b->len += len;
    return true;
}
#endif
