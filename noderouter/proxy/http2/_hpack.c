/* HPACK, compiled. `hpack.py` says what it promises; `decoder_pure.py` and `encoder_pure.py` do the same in Python and are
 * held equal to this, byte for byte and error for error, by property tests and fuzzers. Change them together.
 *
 *   _tables.h, _huffman.h, _known.h: what RFC 7541 fixes.   _table.h: the dynamic table.
 *   _rules.h: what one field means.                    _take.h: what fields make together.
 *   _decode.h: from a header block to a message.       _encode.h, _message.h: from lines to frames; _encoder.h.
 *   this file: Python objects from and to those. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <structmember.h>

typedef PyObject object;

static inline object *hold(object *o) { return Py_NewRef(o); }
static inline void drop(object *o) { Py_DECREF(o); }
static inline void *get_memory(size_t size) { return PyMem_Malloc(size); }
static inline void free_memory(void *memory) { PyMem_Free(memory); }

static inline object *bytes_of(const unsigned char *text, size_t len)
{
    return PyBytes_FromStringAndSize((const char *)text, (Py_ssize_t)len);
}

static object *pair_of(const unsigned char *name, size_t name_len, const unsigned char *value, size_t len)
{
    object *one = bytes_of(name, name_len), *other = one ? bytes_of(value, len) : NULL;
    object *pair = other ? PyTuple_Pack(2, one, other) : NULL;
    Py_XDECREF(one);
    Py_XDECREF(other);
    return pair;
}

static inline const unsigned char *text_of(object *o, size_t *len)
{
    *len = (size_t)PyBytes_GET_SIZE(o);
    return (const unsigned char *)PyBytes_AS_STRING(o);
}

#include "../http/_tuple.h"
#include "_decode.h"
#include "_message.h"

static PyObject *hpack_error;         /* noderouter.proxy.http2.field_rules.HpackError */
static PyObject *reasons[ERRORS_END]; /* one object each; OK has the empty one */
static PyObject *empty;               /* b"" */

/* ---- arguments */

/* An integer from `least` to `most`; false with an exception. */
static bool integer_of(PyObject *o, const char *what, long long least, long long most, uint32_t *value)
{
    const long long number = PyLong_AsLongLong(o);
    if (number == -1 && PyErr_Occurred())
        return false;
    if (number < least || number > most) {
        PyErr_Format(PyExc_ValueError, "%s has to be %lld to %lld", what, least, most);
        return false;
    }
    *value = (uint32_t)number;
    return true;
}

static bool bytes_in(PyObject *o, bytes *found)
{
    if (!PyBytes_Check(o)) {
        PyErr_Format(PyExc_TypeError, "expected bytes, not %.100s", Py_TYPE(o)->tp_name);
        return false;
    }
    found->text = (const uint8_t *)PyBytes_AS_STRING(o);
    found->len = (size_t)PyBytes_GET_SIZE(o);
    return true;
}

/* ---- Decoder */

typedef struct { PyObject_HEAD decoder d; char extended, any_trailers; } Decoder;

/* Decodes data[pos:stop] from the arguments; false with an exception. */
static bool decoded(Decoder *self, PyObject *const *args, Py_ssize_t count, message *m)
{
    bytes data;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "expected (data: bytes, pos: int, stop: int)");
        return false;
    }
    const Py_ssize_t pos = PyLong_AsSsize_t(args[1]), stop = PyLong_AsSsize_t(args[2]);
    if ((pos == -1 || stop == -1) && PyErr_Occurred())
        return false;
    if (!bytes_in(args[0], &data))
        return false;
    if (pos < 0 || stop < pos || (size_t)stop > data.len) {
        PyErr_SetString(PyExc_ValueError, "pos and stop are not within data");
        return false;
    }
    self->d.extended = self->extended;
    self->d.any_trailers = self->any_trailers;
    const enum outcome outcome = decode(&self->d, m, data.text + pos, data.text + stop);
    if (outcome == NO_MEMORY) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
    } else if (outcome)
        PyErr_SetString(hpack_error, BREAK_TEXTS[outcome]);
    return outcome == DONE;
}

static PyObject *block_of(const message *m)
{
    size_t host_len = 0;
    const uint8_t *host = NULL;
    if (m->kind == REQUEST && m->pseudo[AT_AUTHORITY])
        host = text_of(m->pseudo[AT_AUTHORITY], &host_len);
    if (!host && !m->out.len)
        return Py_NewRef(empty);
    PyObject *block = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(m->out.len + (host ? host_len + 8 : 0)));
    if (!block)
        return NULL;
    char *to = PyBytes_AS_STRING(block);
    if (host) {
        memcpy(to, "host: ", 6);
        memcpy(to + 6, host, host_len);
        memcpy(to + 6 + host_len, "\r\n", 2);
        to += host_len + 8;
    }
    memcpy(to, m->out.text, m->out.len);
    return block;
}

static PyObject *reserved_of(const message *m)
{
    if (!m->reserved_count)
        return Py_NewRef(Py_None);
    PyObject *reserved = PyTuple_New((Py_ssize_t)m->reserved_count);
    for (size_t i = 0; reserved && i < m->reserved_count; i++)
        PyTuple_SET_ITEM(reserved, (Py_ssize_t)i, Py_NewRef(m->reserved[i]));
    return reserved;
}

static PyObject *length_of(const message *m)
{
    if (m->error)
        return PyLong_FromLong(-1);
    return m->length == INT64_MAX ? PyLong_FromString(m->vast, NULL, 10) : PyLong_FromLongLong(m->length);
}

static inline PyObject *pseudo_of(const message *m, int at, PyObject *otherwise)
{
    return Py_NewRef(m->pseudo[at] ? m->pseudo[at] : otherwise);
}

static PyObject *decode_request(Decoder *self, PyObject *const *args, Py_ssize_t count)
{
    message m;
    PyObject *result = NULL;
    message_init(&m, REQUEST);
    if (decoded(self, args, count, &m)) {
        PyObject *items[] = {pseudo_of(&m, AT_METHOD, empty), pseudo_of(&m, AT_SCHEME, empty),
            pseudo_of(&m, AT_AUTHORITY, Py_None), pseudo_of(&m, AT_PATH, empty), pseudo_of(&m, AT_PROTOCOL, Py_None),
            block_of(&m), reserved_of(&m), length_of(&m), PyLong_FromLong(ANSWERS[m.error].status),
            Py_NewRef(reasons[m.error])};
        result = tuple_of(items, 10);
    }
    message_free(&m);
    return result;
}

static PyObject *decode_response(Decoder *self, PyObject *const *args, Py_ssize_t count)
{
    message m;
    PyObject *result = NULL;
    message_init(&m, RESPONSE);
    if (decoded(self, args, count, &m)) {
        PyObject *items[] = {PyLong_FromLong(m.error ? 0 : (long)m.status), block_of(&m), reserved_of(&m), length_of(&m),
            PyLong_FromLong(ANSWERS[m.error].status), Py_NewRef(reasons[m.error])};
        result = tuple_of(items, 6);
    }
    message_free(&m);
    return result;
}

static PyObject *decode_trailers(Decoder *self, PyObject *const *args, Py_ssize_t count)
{
    message m;
    PyObject *result = NULL;
    message_init(&m, TRAILERS);
    if (decoded(self, args, count, &m)) {
        PyObject *items[] = {
            block_of(&m), reserved_of(&m), PyLong_FromLong(ANSWERS[m.error].status), Py_NewRef(reasons[m.error])};
        result = tuple_of(items, 4);
    }
    message_free(&m);
    return result;
}

static PyObject *decoder_acknowledged(Decoder *self, PyObject *Py_UNUSED(none))
{
    acknowledged(&self->d);
    Py_RETURN_NONE;
}

static PyObject *decoder_sizeof(Decoder *self, PyObject *Py_UNUSED(none))
{
    return PyLong_FromSize_t((size_t)Py_TYPE(self)->tp_basicsize + table_memory(&self->d.t) + known_memory(self->d.known));
}

static PyObject *decoder_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
    static char *keywords[] = {"max_size", "max_list", "max_fields", "extended_connect", NULL};
    PyObject *size = NULL, *list = NULL, *fields = NULL;
    int extended = 0;
    uint32_t max_size = FIRST_SIZE, max_list = 61440, max_fields = 512;
    if (!PyArg_ParseTupleAndKeywords(args, names, "|OOOp", keywords, &size, &list, &fields, &extended)
        || (size && !integer_of(size, "max_size", 0, LARGEST_SIZE, &max_size))
        || (list && !integer_of(list, "max_list", 0, UINT32_MAX, &max_list))
        || (fields && !integer_of(fields, "max_fields", 0, UINT32_MAX, &max_fields)))
        return NULL;
    Decoder *self = (Decoder *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    decoder_init(&self->d, max_size);
    self->d.max_list = max_list;
    self->d.max_fields = max_fields;
    self->extended = (char)extended;
    return (PyObject *)self;
}

static void decoder_dealloc(Decoder *self)
{
    decoder_free(&self->d);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

#define FUNCTION(name, function, flags) \
    {name, (PyCFunction)(void (*)(void))function, flags, "See noderouter.proxy.http2.hpack."}

static PyMethodDef DECODER_METHODS[] = {
    FUNCTION("request", decode_request, METH_FASTCALL),
    FUNCTION("response", decode_response, METH_FASTCALL),
    FUNCTION("trailers", decode_trailers, METH_FASTCALL),
    FUNCTION("acknowledged", decoder_acknowledged, METH_NOARGS),
    FUNCTION("__sizeof__", decoder_sizeof, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef DECODER_MEMBERS[] = {
    {"extended_connect", T_BOOL, offsetof(Decoder, extended), 0, "Whether CONNECT with :protocol is taken."},
    {"any_trailers", T_BOOL, offsetof(Decoder, any_trailers), 0, "Whether trailers are those of responses."},
    {NULL, 0, 0, 0, NULL},
};

static PyTypeObject DECODER = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "noderouter.proxy.http2._hpack.Decoder",
    .tp_basicsize = sizeof(Decoder),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "See noderouter.proxy.http2.hpack.",
    .tp_new = decoder_new,
    .tp_dealloc = (destructor)decoder_dealloc,
    .tp_methods = DECODER_METHODS,
    .tp_members = DECODER_MEMBERS,
};

#include "_encoder.h"

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "noderouter.proxy.http2._hpack", NULL, -1, NULL};

PyMODINIT_FUNC PyInit__hpack(void)
{
    PyObject *rules = PyImport_ImportModule("noderouter.proxy.http2.field_rules");
    hpack_error = rules ? PyObject_GetAttrString(rules, "HpackError") : NULL;
    Py_XDECREF(rules);
    if (!hpack_error || !(empty = PyBytes_FromString("")))
        return NULL;
    for (int i = OK; i < ERRORS_END; i++)
        if (!(reasons[i] = PyUnicode_InternFromString(ANSWERS[i].reason ? ANSWERS[i].reason : "")))
            return NULL;
    huffman_init();
    decode_init();
    encode_init();
    if (PyType_Ready(&DECODER) < 0 || PyType_Ready(&ENCODER) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&MODULE);
    if (module
        && (PyModule_AddObjectRef(module, "Decoder", (PyObject *)&DECODER) < 0
            || PyModule_AddObjectRef(module, "Encoder", (PyObject *)&ENCODER) < 0
            || PyModule_AddObjectRef(module, "HpackError", hpack_error) < 0))
        Py_CLEAR(module);
    return module;
}
