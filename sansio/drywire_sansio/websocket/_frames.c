/* Frames in C: the XOR of a masked payload (RFC 6455, 5.3), and the reading of a plain message.
 *
 * Optional: masking.py and plain.py have the same in Python, and both pass the same tests. Kept to the stable ABI of
 * Python 3.11, so that one build serves all. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define PLAIN_TEXT 0x81
#define PLAIN_BINARY 0x82

/* Py_RETURN_NONE of the headers from 3.12 on counts no reference, since None is immortal there; on 3.11 it is not, and a
 * build by newer headers has to do for that, too. So references are counted by functions, which know where they are. */
static PyObject *
none(void)
{
    Py_IncRef(Py_None);
    return Py_None;
}

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
apply_mask(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer data, key;
    PyObject *result = NULL;

    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "apply_mask takes two arguments: data and key");
        return NULL;
    }
    if (PyObject_GetBuffer(args[0], &data, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    if (PyObject_GetBuffer(args[1], &key, PyBUF_SIMPLE) < 0) {
        PyBuffer_Release(&data);
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

/* Return where the payload of the one plain frame in `data` begins; 0 where `data` is anything else. */
static Py_ssize_t
payload_start(const unsigned char *data, Py_ssize_t length, int masked, Py_ssize_t longest)
{
    Py_ssize_t start = masked ? 6 : 2;
    Py_ssize_t size;

    if (length < start || (data[0] != PLAIN_TEXT && data[0] != PLAIN_BINARY) || (data[1] >> 7) != masked) {
        return 0;
    }
    size = data[1] & 0x7F;
    if (size == 126) {
        start += 2;
        if (length < start) {
            return 0;
        }
        size = (Py_ssize_t)data[2] << 8 | data[3];
        if (size < 126) {
            return 0;
        }
    }
    else if (size == 127) {
        return 0;
    }
    return length == start + size && size <= longest ? start : 0;
}

static PyObject *
read_plain(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    char *raw;
    Py_ssize_t length, longest, start;
    int masked;
    const unsigned char *data;
    PyObject *payload, *text;

    (void)module;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "read_plain takes three arguments: data, masked and longest");
        return NULL;
    }
    if (PyBytes_AsStringAndSize(args[0], &raw, &length) < 0 || (masked = PyObject_IsTrue(args[1])) < 0) {
        return NULL;
    }
    longest = PyLong_AsSsize_t(args[2]);
    if (longest == -1 && PyErr_Occurred()) {
        return NULL;
    }
    data = (const unsigned char *)raw;
    start = payload_start(data, length, masked, longest);
    if (start == 0) {
        return none();
    }
    if (!masked && data[0] == PLAIN_TEXT) {
        text = PyUnicode_DecodeUTF8(raw + start, length - start, NULL);
    }
    else {
        payload = PyBytes_FromStringAndSize(masked ? NULL : raw + start, length - start);
        if (payload == NULL) {
            return NULL;
        }
        if (masked) {
            mask_into((unsigned char *)PyBytes_AsString(payload), data + start, length - start, data + start - 4);
        }
        if (data[0] == PLAIN_BINARY) {
            return payload;
        }
        text = PyUnicode_DecodeUTF8(PyBytes_AsString(payload), length - start, NULL);
        Py_DecRef(payload);
    }
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        return none();
    }
    return text;
}

static PyMethodDef methods[] = {
    {"apply_mask", (PyCFunction)(void (*)(void))apply_mask, METH_FASTCALL,
     "Return data with each byte XORed with that of key at its place."},
    {"read_plain", (PyCFunction)(void (*)(void))read_plain, METH_FASTCALL,
     "Return the content of the plain message that data is; None where it is anything else."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_frames", .m_doc = "WebSocket frames in C.", .m_methods = methods,
};

PyMODINIT_FUNC
PyInit__frames(void)
{
    return PyModuleDef_Init(&definition);
}
