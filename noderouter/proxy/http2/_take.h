/* What a field does to the message that it stands in, and what the message must have had in the end.
 * Part of _decode.h. */
#ifndef NODEROUTER_TAKE_H
#define NODEROUTER_TAKE_H

/* Which of `pseudo` a class belongs to. */
static inline int place_of(uint32_t class)
{
    switch (class) {
    case SCHEME: return AT_SCHEME;
    case AUTHORITY:
    case AUTHORITY_PORT: return AT_AUTHORITY;
    case PATH_SLASH:
    case PATH_ASTERISK: return AT_PATH;
    case PROTOCOL: return AT_PROTOCOL;
    default: return AT_METHOD;
    }
}

static bool take_pseudo(message *m, const field *f, uint32_t class)
{
    const uint8_t *value = f->line + f->name_len + 2;
    if (m->kind == TRAILERS)
        m->error = E_IN_TRAILERS;
    else if ((m->kind == RESPONSE) != (class == STATUS))
        m->error = E_OTHER;
    else if (m->regular)
        m->error = E_LATE;
    else if (class == STATUS) {
        if (m->status)
            m->error = E_TWICE;
        else
            m->status = (uint32_t)((value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0'));
    } else {
        object **at = &m->pseudo[place_of(class)];
        if (*at)
            m->error = E_TWICE;
        else if (!(*at = object_of(f, false)))
            return false;
        m->connect |= class == METHOD_CONNECT;
        m->options |= class == METHOD_OPTIONS;
        m->asterisk |= class == PATH_ASTERISK;
        m->with_port |= class == AUTHORITY_PORT;
    }
    return true;
}

/* The same authority, in letters of any case (RFC 9113 section 8.3.1: normalised). */
static bool same_host(const uint8_t *one, const uint8_t *other, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(one[i]) != lower(other[i]))
            return false;
    return true;
}

/* RFC 9113 section 8.3.1: Host may be there instead of :authority, or say the same. */
static bool take_host(message *m, const field *f, uint32_t class)
{
    object **authority = &m->pseudo[AT_AUTHORITY];
    m->regular = true;
    if (class == HOST_WRONG)
        m->error = E_HOST;
    else if (m->hosts++)
        m->error = E_HOSTS;
    else if (*authority) {
        size_t len;
        const uint8_t *text = text_of(*authority, &len);
        if (len != f->value_len || !same_host(text, f->line + f->name_len + 2, len))
            m->error = E_DIFFERENT;
    } else {
        return (*authority = object_of(f, false));
    }
    return true;
}

static void take_length(message *m, const field *f, uint32_t class)
{
    const uint8_t *value = f->line + f->name_len + 2;
    m->regular = true;
    if (class == LENGTH_VAST && m->kind == REQUEST)
        m->error = E_LENGTH;
    else if (m->length >= 0)
        m->error = E_LENGTHS;
    else if (class == LENGTH_VAST) {
        memcpy(m->vast, value, f->value_len);
        m->length = INT64_MAX;
    } else {
        m->length = 0;
        for (size_t i = 0; i < f->value_len; i++)
            m->length = m->length * 10 + (value[i] - '0');
    }
}

/* RFC 9113 section 8.2.3: what was split for the sake of the table becomes one line; empty ones add nothing to it. */
static bool take_cookie(message *m, const field *f)
{
    const size_t begun = sizeof "cookie: " - 1;
    m->regular = true;
    if (!m->cookies.len && !put(&m->cookies, "cookie: ", begun))
        return false;
    if (f->value_len && m->cookies.len > begun && !put(&m->cookies, "; ", 2))
        return false;
    return put(&m->cookies, f->line + f->name_len + 2, f->value_len);
}

/* Trailer fields: forwarded, or nothing. Behind a response, where nobody decides by them, only framing has no place. */
static void take_trailer(const decoder *d, message *m, const field *f, uint32_t class, bool *forwarded)
{
    if (d->any_trailers ? IS(f->line, f->name_len, "content-length") || IS(f->line, f->name_len, "host")
                        : is_not_in_trailers(f->line, f->name_len))
        m->error = E_TRAILER;
    else
        *forwarded = class == FORWARDED;
}

/* Counts a field; false if it is not to be looked at any more. */
static inline bool may_take(const decoder *d, message *m, const field *f)
{
    if (m->error)
        return false;
    m->list += f->name_len + f->value_len + OVERHEAD;
    if (++m->taken > d->max_fields || m->list > d->max_list)
        m->error = m->taken > d->max_fields ? E_FIELDS : E_LIST;
    return !m->error;
}

/* Takes one field; false without memory. `never`: it was a literal that is never indexed, and has to be one at the next hop
 * (RFC 7541 section 6.2.3). After an error only the table matters, so nothing is looked at any more. */
static bool take(decoder *d, message *m, field *f, bool never, bool *forwarded)
{
    if (!may_take(d, m, f))
        return true;
    uint32_t class = f->class;
    if (class == UNKNOWN) {
        class = classify(f->line, f->name_len, f->line + f->name_len + 2, f->value_len);
        if (f->e)
            f->e->kind = class & 63;
    }
    bool memory = true;
    if (class >= WRONG)
        m->error = class - WRONG;
    else if (class >= METHOD && class <= STATUS)
        memory = take_pseudo(m, f, class);
    else if (m->kind == TRAILERS)
        take_trailer(d, m, f, class, forwarded);
    else if (class == LENGTH_RIGHT || class == LENGTH_VAST)
        take_length(m, f, class);
    else if (m->kind == REQUEST && class == COOKIE)
        memory = take_cookie(m, f);
    else if (m->kind == REQUEST && (class == HOST_RIGHT || class == HOST_WRONG))
        memory = take_host(m, f, class);
    else {
        m->regular = true;
        *forwarded = class != ACTED_ON && class != LEFT_OUT;
        if (class == ACTED_ON)
            memory = reserve(m, object_of(f, true));
    }
    /* The encoder never indexes `authorization` anyhow, so that the usual secret costs no object. */
    if (never && memory && !m->error && (m->kind == TRAILERS ? *forwarded : class != LEFT_OUT)
        && !(f->name_len == 13 && memcmp(f->line, "authorization", 13) == 0))
        memory = reserve(m, pair_of((const uint8_t *)":never-indexed", 14, f->line, f->name_len));
    return memory;
}

/* What a whole request must have (RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4). */
static enum error judge_request(const decoder *d, const message *m)
{
    object *const *pseudo = m->pseudo;
    if (!pseudo[AT_METHOD])
        return E_NO_METHOD;
    if (m->connect && m->length > 0)
        return E_CONNECT_BODY;
    if (m->connect && !pseudo[AT_PROTOCOL]) {
        if (pseudo[AT_SCHEME] || pseudo[AT_PATH])
            return E_CONNECT_MORE;
        if (!pseudo[AT_AUTHORITY])
            return E_NO_AUTHORITY;
        return m->with_port ? OK : E_CONNECT;
    }
    if (pseudo[AT_PROTOCOL] && !m->connect)
        return E_NOT_CONNECT;
    if (pseudo[AT_PROTOCOL] && !d->extended)
        return E_EXTENDED;
    if (!pseudo[AT_SCHEME])
        return E_NO_SCHEME;
    if (!pseudo[AT_PATH])
        return E_NO_PATH;
    if (!pseudo[AT_AUTHORITY])
        return E_NO_AUTHORITY;
    return m->asterisk && !m->options ? E_ASTERISK : OK;
}

static enum error judge(const decoder *d, const message *m)
{
    if (m->kind == REQUEST)
        return judge_request(d, m);
    return m->kind == RESPONSE && !m->status ? E_NO_STATUS : OK;
}
#endif
