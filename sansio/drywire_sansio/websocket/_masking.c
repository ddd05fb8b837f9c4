/* apply_mask(data, key): the XOR of a masked WebSocket payload (RFC 6455, 5.3).
 *
 * Optional: masking.py has the same in Python. Kept to the stable ABI of Python 3.11, so that one build serves all. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <string.h>

static void
mask_into(unsigned char *target, const unsigned char *source, Py_ssize_t size, const unsigned char key[4])
{
    unsigned char pattern[8];
    uint64_t wide_key, word;
    Py_ssize_t at = 0;

    memcpy(pattern, key, 4);
    memcpy(pattern + 4, key, 4);
    memcpy(&wide_key, pattern, 8);
    /* memcpy, since neither side need be aligned; compilers make one load of it, and vectors of the loop. */
    for (; at + 8 <= size; at += 8) {
        memcpy(&word, source + at, 8);
        word ^= wide_key;
        memcpy(target + at, &word, 8);
    }
    for (; at < size; at++) {
        target[at] = source[at] ^ key[at & 3];
    }
}

static PyObject *
apply_mask(PyObject *module, PyObject *args)
{
    Py_buffer data, key;
    PyObject *result = NULL;

    (void)module;
    if (!PyArg_ParseTuple(args, "y*y*:apply_mask", &data, &key)) {
        return NULL;
    }
    if (key.len != 4) {
        PyErr_SetString(PyExc_ValueError, "a masking key has four bytes");
    }
    else if ((result = PyBytes_FromStringAndSize(NULL, data.len)) != NULL) {
        mask_into((unsigned char *)PyBytes_AsString(result), data.buf, data.len, key.buf);
    }
    PyBuffer_Release(&key);
    PyBuffer_Release(&data);
    return result;
}

static PyMethodDef methods[] = {
    {"apply_mask", apply_mask, METH_VARARGS, "Return data with each byte XORed with that of key at its place."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_masking", .m_doc = "The XOR of WebSocket payloads.", .m_methods = methods,
};

PyMODINIT_FUNC
PyInit__masking(void)
{
    return PyModuleDef_Init(&definition);
}
