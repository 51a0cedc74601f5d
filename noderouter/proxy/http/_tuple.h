/* Part of the compiled head parser and of the compiled HPACK; include Python.h before. */
#ifndef NODEROUTER_TUPLE_H
#define NODEROUTER_TUPLE_H

/* A tuple that steals `items`; NULL if one of them is. */
static PyObject *tuple_of(PyObject **items, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!items[i])
            Py_CLEAR(tuple);
        if (tuple)
            PyTuple_SET_ITEM(tuple, i, items[i]);
        else
            Py_XDECREF(items[i]);
    }
    return tuple;
}
#endif
