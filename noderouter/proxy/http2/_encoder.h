/* The Encoder as a Python object. Part of _hpack.c. */
#ifndef NODEROUTER_ENCODER_H
#define NODEROUTER_ENCODER_H

#define FEW_NAMES 8

typedef struct { PyObject_HEAD encoder e; } Encoder;

/* What a call of the encoder works with. */
typedef struct {
    uint32_t stream;
    bool end;
    bytes data;
    never names;
    bytes few[FEW_NAMES];
    buffer out;
    uint8_t fixed[4096];
} call;

static bool raise_encoded(enum encoded encoded)
{
    if (encoded == NOT_A_LINE)
        PyErr_SetString(PyExc_ValueError, "a block has something else than field lines");
    else if (encoded)
        PyErr_NoMemory();
    return encoded == ENCODED;
}

static bool names_in(call *c, PyObject *o)
{
    if (o == Py_None)
        return true;
    if (!PyTuple_Check(o)) {
        PyErr_SetString(PyExc_TypeError, "never has to be a tuple of names, or None");
        return false;
    }
    const size_t count = (size_t)PyTuple_GET_SIZE(o);
    bytes *names = count <= FEW_NAMES ? c->few : get_memory(count * sizeof *names);
    if (!names) {
        PyErr_NoMemory();
        return false;
    }
    c->names.names = names;
    c->names.count = count;
    for (size_t i = 0; i < count; i++)
        if (!bytes_in(PyTuple_GET_ITEM(o, (Py_ssize_t)i), &names[i]))
            return false;
    return true;
}

/* Begins a block; `data` and `end` may be NULL: nothing, and true. */
static bool begin(call *c, Encoder *self, PyObject *stream, PyObject *end, PyObject *data, PyObject *names)
{
    c->names.names = c->few;
    c->names.count = 0;
    c->data.text = NULL;
    c->data.len = 0;
    buffer_init(&c->out, c->fixed, sizeof c->fixed);
    if (!integer_of(stream, "a stream", 1, INT32_MAX, &c->stream) || (data && !bytes_in(data, &c->data)))
        return false;
    const int ends = end ? PyObject_IsTrue(end) : 1;
    c->end = ends == 1;
    if (ends < 0 || !names_in(c, names))
        return false;
    if (c->data.len > self->e.max_frame) {
        PyErr_SetString(PyExc_ValueError, "more data than a frame may have");
        return false;
    }
    return begin_block(&self->e, &c->out) || raise_encoded(TOO_LITTLE_MEMORY);
}

static bool field_of(call *c, Encoder *self, const char *name, PyObject *value)
{
    const bytes called = {(const uint8_t *)name, strlen(name)};
    bytes text;
    return bytes_in(value, &text) && raise_encoded(put_field(&self->e, &c->out, called, text, &c->names));
}

/* An entry of the static table, which `put_field` would find as well; not where names are never indexed. */
static bool put_known(call *c, uint8_t index)
{
    if (!has_room(&c->out, PER_FIELD))
        return raise_encoded(TOO_LITTLE_MEMORY);
    c->out.text[c->out.len++] = 0x80 | index;
    return true;
}

/* `:method`, `:scheme` or `:path`; one of two usual values has `index` in the static table, the other the next one. */
static bool usual_of(call *c, Encoder *self, const char *name, PyObject *value, uint8_t index, const char *first,
                     const char *second)
{
    if (PyBytes_Check(value) && !c->names.count) {
        const char *text = PyBytes_AS_STRING(value);
        if (strcmp(text, first) == 0 && strlen(first) == (size_t)PyBytes_GET_SIZE(value))
            return put_known(c, index);
        if (strcmp(text, second) == 0 && strlen(second) == (size_t)PyBytes_GET_SIZE(value))
            return put_known(c, index + 1);
    }
    return field_of(c, self, name, value);
}

static bool number_of(call *c, Encoder *self, const char *name, PyObject *value)
{
    uint8_t digits[20], *first = digits + sizeof digits;
    int overflow;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (number == -1 && PyErr_Occurred())
        return false;
    if (number < 0 && !overflow)
        return true; /* there is none */
    const bytes called = {(const uint8_t *)name, strlen(name)};
    if (!overflow) {
        unsigned long long rest = (unsigned long long)number;
        do
            *--first = (uint8_t)('0' + rest % 10);
        while (rest /= 10);
        const bytes text = {first, (size_t)(digits + sizeof digits - first)};
        return raise_encoded(put_field(&self->e, &c->out, called, text, &c->names));
    }
    if (overflow < 0)
        return true;
    PyObject *vast = PyObject_Str(value);
    Py_ssize_t len;
    const char *utf8 = vast ? PyUnicode_AsUTF8AndSize(vast, &len) : NULL;
    const bytes text = {(const uint8_t *)utf8, utf8 ? (size_t)len : 0};
    const bool done = utf8 && raise_encoded(put_field(&self->e, &c->out, called, text, &c->names));
    Py_XDECREF(vast);
    return done;
}

static bool status_of(call *c, Encoder *self, PyObject *value)
{
    static const short KNOWN[] = {200, 204, 206, 304, 400, 404, 500};
    int overflow;
    const long status = PyLong_AsLongAndOverflow(value, &overflow);
    if (status == -1 && PyErr_Occurred())
        return false;
    for (uint8_t i = 0; i < sizeof KNOWN / sizeof *KNOWN && !c->names.count; i++)
        if (status == KNOWN[i])
            return put_known(c, 8 + i);
    return number_of(c, self, ":status", value);
}

static bool blocks_of(call *c, Encoder *self, PyObject *const *args, Py_ssize_t count, bool request)
{
    bytes block;
    for (Py_ssize_t i = 0; i < count; i++)
        if (!bytes_in(args[i], &block) || !raise_encoded(put_block(&self->e, &c->out, block, &c->names, request)))
            return false;
    return true;
}

/* The frames, if all went well; frees what the call has. */
static PyObject *finish(call *c, Encoder *self, bool well)
{
    PyObject *frames = NULL;
    const bytes block = {c->out.text, c->out.len};
    if (well)
        frames = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)frames_size(&self->e, block.len, c->data.len));
    if (frames)
        put_frames(&self->e, (uint8_t *)PyBytes_AS_STRING(frames), c->stream, c->end, block, c->data);
    buffer_free(&c->out);
    if (c->names.names != c->few)
        free_memory((void *)c->names.names);
    return frames;
}

static PyObject *encode_request(Encoder *self, PyObject *const *args, Py_ssize_t count)
{
    call c;
    if (count < 10) {
        PyErr_SetString(PyExc_TypeError,
            "expected (stream, end, data, method, scheme, authority, path, protocol, length, never, *blocks)");
        return NULL;
    }
    bool well = begin(&c, self, args[0], args[1], args[2], args[9]) && usual_of(&c, self, ":method", args[3], 2, "GET", "POST")
        && (PyBytes_Check(args[4]) && !PyBytes_GET_SIZE(args[4]) ? true
               : usual_of(&c, self, ":scheme", args[4], 6, "http", "https"))
        && (args[5] == Py_None || field_of(&c, self, ":authority", args[5]))
        && (PyBytes_Check(args[6]) && !PyBytes_GET_SIZE(args[6]) ? true : field_of(&c, self, ":path", args[6]))
        && (args[7] == Py_None || field_of(&c, self, ":protocol", args[7]))
        && blocks_of(&c, self, args + 10, count - 10, true) && number_of(&c, self, "content-length", args[8]);
    return finish(&c, self, well);
}

static PyObject *encode_response(Encoder *self, PyObject *const *args, Py_ssize_t count)
{
    call c;
    if (count < 6) {
        PyErr_SetString(PyExc_TypeError, "expected (stream, end, data, status, length, never, *blocks)");
        return NULL;
    }
    bool well = begin(&c, self, args[0], args[1], args[2], args[5]) && status_of(&c, self, args[3])
        && blocks_of(&c, self, args + 6, count - 6, false) && number_of(&c, self, "content-length", args[4]);
    return finish(&c, self, well);
}

static PyObject *encode_trailers(Encoder *self, PyObject *const *args, Py_ssize_t count)
{
    call c;
    if (count < 2) {
        PyErr_SetString(PyExc_TypeError, "expected (stream, never, *blocks)");
        return NULL;
    }
    bool well = begin(&c, self, args[0], NULL, NULL, args[1]) && blocks_of(&c, self, args + 2, count - 2, false);
    return finish(&c, self, well);
}

static PyObject *encoder_resize(Encoder *self, PyObject *max)
{
    uint32_t size;
    if (!integer_of(max, "max_size", 0, UINT32_MAX, &size))
        return NULL;
    resize(&self->e, size);
    Py_RETURN_NONE;
}

static PyObject *encoder_sizeof(Encoder *self, PyObject *Py_UNUSED(none))
{
    const size_t buckets = 2 * self->e.bucket_count * sizeof *self->e.buckets;
    return PyLong_FromSize_t((size_t)Py_TYPE(self)->tp_basicsize + table_memory(&self->e.t) + buckets);
}

static PyObject *encoder_max_frame(Encoder *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(self->e.max_frame);
}

static int encoder_set_max_frame(Encoder *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "max_frame cannot be deleted");
        return -1;
    }
    return integer_of(value, "max_frame", 16384, 0xffffff, &self->e.max_frame) ? 0 : -1;
}

static PyObject *encoder_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
    static char *keywords[] = {"max_size", NULL};
    PyObject *size = NULL;
    uint32_t own_max = FIRST_SIZE;
    if (!PyArg_ParseTupleAndKeywords(args, names, "|O", keywords, &size)
        || (size && !integer_of(size, "max_size", 0, LARGEST_SIZE, &own_max)))
        return NULL;
    Encoder *self = (Encoder *)type->tp_alloc(type, 0);
    if (self)
        encoder_init(&self->e, own_max);
    return (PyObject *)self;
}

static void encoder_dealloc(Encoder *self)
{
    encoder_free(&self->e);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef ENCODER_METHODS[] = {
    FUNCTION("request", encode_request, METH_FASTCALL),
    FUNCTION("response", encode_response, METH_FASTCALL),
    FUNCTION("trailers", encode_trailers, METH_FASTCALL),
    FUNCTION("resize", encoder_resize, METH_O),
    FUNCTION("__sizeof__", encoder_sizeof, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef ENCODER_PROPERTIES[] = {
    {"max_frame", (getter)encoder_max_frame, (setter)encoder_set_max_frame, "The peer's SETTINGS_MAX_FRAME_SIZE.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject ENCODER = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "noderouter.proxy.http2._hpack.Encoder",
    .tp_basicsize = sizeof(Encoder),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "See noderouter.proxy.http2.hpack.",
    .tp_new = encoder_new,
    .tp_dealloc = (destructor)encoder_dealloc,
    .tp_methods = ENCODER_METHODS,
    .tp_getset = ENCODER_PROPERTIES,
};
#endif
