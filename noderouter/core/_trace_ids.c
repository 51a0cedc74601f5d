/* The field lines of new traces, compiled. `trace_context.start_lines` does the same in Python, and is held equal to this. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define TRACE "l5d-ctx-trace: "
#define REST "AAAAAAAAAAA=\r\nl5d-reqid: " /* no flags; behind 24 bytes of ids, which need no padding */
#define IDS 16                            /* random bytes of a trace: its root span, the first span below it */
enum { TRACE_LEN = sizeof TRACE - 1, REST_LEN = sizeof REST - 1, LINES_LEN = TRACE_LEN + 32 + REST_LEN + 16 + 2 };

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char HEX[] = "0123456789abcdef";

static void put_lines(char *to, const unsigned char *root, const unsigned char *span)
{
    unsigned char ids[24];
    memcpy(ids, span, 8);
    memcpy(ids + 8, root, 8);
    memcpy(ids + 16, root, 8);
    memcpy(to, TRACE, TRACE_LEN);
    to += TRACE_LEN;
    for (const unsigned char *p = ids; p < ids + sizeof ids; p += 3, to += 4) {
        const unsigned group = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
        to[0] = BASE64[group >> 18];
        to[1] = BASE64[group >> 12 & 63];
        to[2] = BASE64[group >> 6 & 63];
        to[3] = BASE64[group & 63];
    }
    memcpy(to, REST, REST_LEN);
    to += REST_LEN;
    for (int i = 0; i < 8; i++) {
        *to++ = HEX[root[i] >> 4];
        *to++ = HEX[root[i] & 15];
    }
    memcpy(to, "\r\n", 2);
}

static PyObject *start_lines(PyObject *Py_UNUSED(module), PyObject *random)
{
    if (!PyBytes_Check(random)) {
        PyErr_SetString(PyExc_TypeError, "expected bytes");
        return NULL;
    }
    const Py_ssize_t count = PyBytes_GET_SIZE(random) / IDS;
    const unsigned char *from = (const unsigned char *)PyBytes_AS_STRING(random);
    PyObject *made = PyList_New(count);
    for (Py_ssize_t i = 0; made && i < count; i++) {
        PyObject *lines = PyBytes_FromStringAndSize(NULL, LINES_LEN);
        if (!lines) {
            Py_CLEAR(made);
            break;
        }
        put_lines(PyBytes_AS_STRING(lines), from + IDS * i, from + IDS * i + 8);
        PyList_SET_ITEM(made, i, lines);
    }
    return made;
}

static PyMethodDef FUNCTIONS[] = {
    {"start_lines", start_lines, METH_O, "See noderouter.core.trace_context."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "noderouter.core._trace_ids", NULL, -1, FUNCTIONS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__trace_ids(void) { return PyModule_Create(&MODULE); }
