/* The head parser, compiled. `head.py` says what it promises; `head_pure.py` does the same in Python and is held equal
 * to this, byte for byte and error for error, by a property test and a fuzzer. Change them together.
 *
 *   scan (_scan.h, on the grammar of ../http/_grammar.h): judges the bytes from left to right, each line when its CRLF is
 *       there (_judge.h), never reading at or behind the end of the bytes or the limit; records the offsets of the
 *       fields; at the end of the head, what needs all of it.
 *   write_block (_scan.h): a second pass, over the recorded fields.
 *   this file: Python objects from offsets. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include "_scan.h"
#include "../http/_tuple.h"

static PyObject *head_error;                             /* noderouter.proxy.http1.fields.HeadError */
static const char *const METHODS[] = {"GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"};
#define METHODS_KNOWN ((int)(sizeof METHODS / sizeof *METHODS))
static PyObject *methods[METHODS_KNOWN]; /* one object each, for all requests */

static PyObject *slice(const head *h, uint32_t at, uint32_t len)
{
    return PyBytes_FromStringAndSize((const char *)h->data + at, len);
}

static PyObject *value_of(const head *h, const field *f)
{
    if (!f->folded)
        return slice(h, f->value, f->value_len);
    PyObject *value = PyBytes_FromStringAndSize(NULL, f->value_len);
    if (value)
        unfold(h, f, (uint8_t *)PyBytes_AS_STRING(value));
    return value;
}

static PyObject *method_of(const head *h)
{
    for (int i = 0; i < METHODS_KNOWN; i++)
        if (PyBytes_GET_SIZE(methods[i]) == h->method_len
            && memcmp(PyBytes_AS_STRING(methods[i]), h->data + h->method, h->method_len) == 0)
            return Py_NewRef(methods[i]);
    return slice(h, h->method, h->method_len);
}

static PyObject *block_of(const head *h)
{
    PyObject *block = PyBytes_FromStringAndSize(NULL, h->block_size);
    if (block)
        write_block(h, (uint8_t *)PyBytes_AS_STRING(block));
    return block;
}

static PyObject *reserved_of(const head *h)
{
    if (h->reserved == 0)
        return Py_NewRef(Py_None);
    PyObject *reserved = PyTuple_New(h->reserved);
    for (uint32_t i = 0, n = 0; reserved && i < h->count; i++) {
        const field *f = &h->fields[i];
        if (f->kind != RESERVED)
            continue;
        PyObject *name = slice(h, f->name, f->name_len), *value = value_of(h, f);
        PyObject *pair = name && value ? PyTuple_Pack(2, name, value) : NULL;
        if (pair) /* not shared with anybody yet: only objects of one byte are, and no such name is that short */
            for (char *c = PyBytes_AS_STRING(name); *c; c++) /* a token holds no NUL */
                *c = (char)lower((uint8_t)*c);
        Py_XDECREF(name);
        Py_XDECREF(value);
        if (!pair)
            Py_CLEAR(reserved);
        else
            PyTuple_SET_ITEM(reserved, n++, pair);
    }
    return reserved;
}

/* The arguments, the scan, and its error; 1 where there is a head, else `*result` is what to return. */
static int parsed(head *h, PyObject *const *args, Py_ssize_t count, bool response, PyObject **result)
{
    *result = NULL;
    const bool four = response && count == 4;
    if ((count != 3 && !four) || !PyBytes_Check(args[0]) || (four && !PyBool_Check(args[3]))) {
        PyErr_SetString(PyExc_TypeError, response ? "expected (data: bytes, max_line: int, max_head: int, lenient: bool)"
                                                  : "expected (data: bytes, max_line: int, max_head: int)");
        return 0;
    }
    Py_ssize_t max_line = PyLong_AsSsize_t(args[1]), max_head = PyLong_AsSsize_t(args[2]);
    if ((max_line == -1 || max_head == -1) && PyErr_Occurred())
        return 0;
    enum error error = scan(h, (const uint8_t *)PyBytes_AS_STRING(args[0]), (size_t)PyBytes_GET_SIZE(args[0]),
        max_line > 0 ? (size_t)max_line : 0, max_head > 0 ? (size_t)max_head : 0, response,
        four && args[3] == Py_True);
    if (error == OK)
        return 1;
    if (error == MORE) {
        *result = Py_NewRef(Py_None);
        return 0;
    }
    PyObject *exception = PyObject_CallFunction(head_error, "is", ANSWERS[error].status, ANSWERS[error].reason);
    if (exception) {
        PyErr_SetObject(head_error, exception);
        Py_DECREF(exception);
    }
    return 0;
}

/* The length of a body; of digits that are too many for 64 bits, too. */
static PyObject *length_of(const head *h)
{
    char digits[MAX_DIGITS + 1];
    if (h->length != VAST)
        return PyLong_FromLongLong(h->length);
    memcpy(digits, h->data + h->vast, h->vast_len);
    digits[h->vast_len] = '\0';
    return PyLong_FromString(digits, NULL, 10);
}

static PyObject *parse_request(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    head h;
    PyObject *result;
    if (!parsed(&h, args, count, false, &result))
        return result;
    PyObject *host = h.host < 0 ? Py_NewRef(Py_None)
                                : slice(&h, h.fields[h.host].value, h.fields[h.host].value_len);
    PyObject *items[] = {PyLong_FromLong((long)h.end), method_of(&h), slice(&h, h.target, h.target_len),
        PyLong_FromLong(h.minor), host, length_of(&h), PyBool_FromLong(h.persist), block_of(&h),
        reserved_of(&h)};
    return tuple_of(items, 9);
}

static PyObject *parse_response(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    head h;
    PyObject *result;
    if (!parsed(&h, args, count, true, &result))
        return result;
    PyObject *items[] = {PyLong_FromLong((long)h.end), PyLong_FromLong(h.status), slice(&h, h.reason, h.reason_len),
        PyLong_FromLong(h.minor), length_of(&h), PyBool_FromLong(h.persist), block_of(&h),
        reserved_of(&h)};
    return tuple_of(items, 8);
}

static PyMethodDef FUNCTIONS[] = {
    {"parse_request", (PyCFunction)(void (*)(void))parse_request, METH_FASTCALL, "See noderouter.proxy.http1.head."},
    {"parse_response", (PyCFunction)(void (*)(void))parse_response, METH_FASTCALL, "See noderouter.proxy.http1.head."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "noderouter.proxy.http1._head", NULL, -1, FUNCTIONS};

PyMODINIT_FUNC PyInit__head(void)
{
    PyObject *fields = PyImport_ImportModule("noderouter.proxy.http1.fields");
    if (!fields)
        return NULL;
    head_error = PyObject_GetAttrString(fields, "HeadError");
    Py_DECREF(fields);
    if (!head_error)
        return NULL;
    for (int i = 0; i < METHODS_KNOWN; i++)
        if (!(methods[i] = PyBytes_FromString(METHODS[i])))
            return NULL;
    return PyModule_Create(&MODULE);
}
