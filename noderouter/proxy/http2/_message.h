/* A message as frames: pseudo-fields, the lines of its blocks, HEADERS and CONTINUATION, DATA. No Python objects.
 * Part of the compiled HPACK; see _hpack.c. `encoder_pure.py` is its twin. */
#ifndef NODEROUTER_MESSAGE_H
#define NODEROUTER_MESSAGE_H
#include "_encode.h"

#define FRAME_HEAD 9u
enum frame { DATA_FRAME = 0, HEADERS_FRAME = 1, CONTINUATION_FRAME = 9, END_STREAM = 1, END_HEADERS = 4 };
enum encoded { ENCODED, NOT_A_LINE, TOO_LITTLE_MEMORY };

/* Section 4.2: what the peer allows has changed since the last block. */
static bool begin_block(encoder *e, buffer *out)
{
    e->begun = false;
    if (!e->resized)
        return true;
    if (!has_room(out, PER_FIELD))
        return false;
    if (e->smallest < e->wanted && e->smallest < e->t.max)
        put_integer(out, 0x20, 5, e->smallest);
    evict(&e->t, e->smallest, false);
    put_integer(out, 0x20, 5, e->wanted);
    e->t.max = e->wanted;
    e->resized = false;
    return true;
}

/* The peer's SETTINGS_HEADER_TABLE_SIZE; ours may be smaller. */
static void resize(encoder *e, uint32_t max)
{
    const uint32_t wanted = max < e->own_max ? max : e->own_max;
    if (!e->resized)
        e->smallest = e->t.max;
    e->smallest = wanted < e->smallest ? wanted : e->smallest;
    e->wanted = wanted;
    e->resized = e->smallest < e->t.max || wanted != e->t.max;
}

static void encoder_init(encoder *e, uint32_t own_max)
{
    memset(e, 0, sizeof *e);
    e->t.max = FIRST_SIZE;
    e->own_max = own_max;
    e->max_frame = 16384;
    if (own_max < FIRST_SIZE)
        resize(e, FIRST_SIZE);
}

static void encoder_free(encoder *e)
{
    table_free(&e->t, false);
    free_memory(e->buckets);
}

/* One field that is not a line yet; `name` in lower case. */
static enum encoded put_field(encoder *e, buffer *out, bytes name, bytes value, const never *names)
{
    const size_t len = name.len + value.len + AROUND;
    /* Its line stands further behind, where the code of it, which is never longer, does not come. */
    if (!has_room(out, 2 * len + PER_FIELD))
        return TOO_LITTLE_MEMORY;
    uint8_t *line = out->text + out->len + len + PER_FIELD;
    memcpy(line, name.text, name.len);
    memcpy(line + name.len, ": ", 2);
    memcpy(line + name.len + 2, value.text, value.len);
    memcpy(line + len - 2, "\r\n", 2);
    return put_line(e, out, line, name.len, value.len, names) ? ENCODED : TOO_LITTLE_MEMORY;
}

/* A line that is in no table as it is: any white space around the value, the name in any case. */
static enum encoded put_odd_line(encoder *e, buffer *out, bytes line, const never *names, bool request)
{
    const uint8_t *colon = memchr(line.text, ':', line.len), *end = line.text + line.len - 2;
    if (!colon || !is_token(line.text, (size_t)(colon - line.text)) || *end != '\r')
        return NOT_A_LINE;
    const size_t name_len = (size_t)(colon - line.text);
    const uint8_t *value = colon + 1;
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    if (skip_value(value, end) != end)
        return NOT_A_LINE;
    if (stays(line.text, name_len, request))
        return ENCODED;
    const size_t value_len = (size_t)(end - value), len = name_len + value_len + AROUND;
    if (!has_room(out, 2 * len + PER_FIELD))
        return TOO_LITTLE_MEMORY;
    uint8_t *whole = out->text + out->len + len + PER_FIELD;
    for (size_t i = 0; i < name_len; i++)
        whole[i] = lower(line.text[i]);
    memcpy(whole + name_len, ": ", 2);
    memcpy(whole + name_len + 2, value, value_len);
    memcpy(whole + len - 2, "\r\n", 2);
    return put_line(e, out, whole, name_len, value_len, names) ? ENCODED : TOO_LITTLE_MEMORY;
}

/* A block of field lines. What its lines are is looked up at once; what is in no table is looked at. */
static enum encoded put_block(encoder *e, buffer *out, bytes block, const never *names, bool request)
{
    const uint8_t *p = block.text, *stop = p + block.len, *lf;
    for (size_t len; p < stop; p += len) {
        if (*p == ':') /* what the tables have of pseudo-fields is not for blocks */
            return NOT_A_LINE;
        const bool host = request && stop - p > 4 && p[4] == ':' && IS(p, 4, "host");
        const uint32_t guessed = names->count || host ? 0 : guess(e, p, (size_t)(stop - p), &len);
        if (guessed) {
            if (!has_room(out, PER_FIELD))
                return TOO_LITTLE_MEMORY;
            put_integer(out, 0x80, 7, guessed);
            continue;
        }
        if (!(lf = memchr(p, '\n', (size_t)(stop - p))))
            return NOT_A_LINE;
        len = (size_t)(lf + 1 - p);
        const bytes line = {p, len};
        if (line.len < AROUND - 1) /* a colon and CRLF at least */
            return NOT_A_LINE;
        if (host)
            continue;
        if (!names->count && (fits(e, line.len) || line.len <= longest_static)) {
            const uint32_t index = find(e, p, line.len, hash_of(p, line.len));
            if (index) {
                if (!has_room(out, PER_FIELD))
                    return TOO_LITTLE_MEMORY;
                put_integer(out, 0x80, 7, index);
                if (index > STATIC_COUNT)
                    came(e, e->t.added - (index - STATIC_COUNT));
                continue;
            }
        }
        const uint32_t added = e->t.added;
        const enum encoded encoded = put_odd_line(e, out, line, names, request);
        if (encoded)
            return encoded;
        if (e->t.added != added)
            came(e, added);
    }
    return ENCODED;
}

static size_t frames_size(const encoder *e, size_t block, size_t data)
{
    const size_t frames = block ? (block + e->max_frame - 1) / e->max_frame : 1;
    return frames * FRAME_HEAD + block + (data ? FRAME_HEAD + data : 0);
}

static uint8_t *put_frame(uint8_t *to, enum frame type, uint8_t flags, uint32_t stream, const uint8_t *text, size_t len)
{
    const uint8_t head[FRAME_HEAD] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)type, flags,
        (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    memcpy(to, head, FRAME_HEAD);
    memcpy(to + FRAME_HEAD, text, len);
    return to + FRAME_HEAD + len;
}

/* The frames of a message, or its beginning, to where there is room for `frames_size`. */
static void put_frames(const encoder *e, uint8_t *to, uint32_t stream, bool end, bytes block, bytes data)
{
    enum frame type = HEADERS_FRAME;
    uint8_t flags = end && !data.len ? END_STREAM : 0;
    do {
        const size_t len = block.len < e->max_frame ? block.len : e->max_frame;
        if (len == block.len)
            flags |= END_HEADERS;
        to = put_frame(to, type, flags, stream, block.text, len);
        block.text += len;
        block.len -= len;
        type = CONTINUATION_FRAME;
        flags = 0;
    } while (block.len);
    if (data.len)
        put_frame(to, DATA_FRAME, end ? END_STREAM : 0, stream, data.text, data.len);
}
#endif
