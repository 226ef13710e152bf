/* Hands the same bytes to many sockets. What it does, and why, is said in twin.py, which does the same in Python. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <errno.h>
#include <sys/socket.h>

struct one {
    int fd;
    Py_ssize_t sent;
};

/* As many bytes as the socket took. A broken one took all: whoever waits for it is told by the event loop. */
static Py_ssize_t hand_over(int fd, const char *data, Py_ssize_t size)
{
    ssize_t sent;
    do {
        sent = send(fd, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : size;
    return sent;
}

static PyObject *told(const struct one *all, Py_ssize_t count, Py_ssize_t size)
{
    PyObject *short_ones = PyList_New(0);
    for (Py_ssize_t i = 0; i < count && short_ones != NULL; i++) {
        if (all[i].sent == size)
            continue;
        PyObject *pair = Py_BuildValue("(nn)", i, all[i].sent);
        if (pair == NULL || PyList_Append(short_ones, pair) < 0)
            Py_CLEAR(short_ones);
        Py_XDECREF(pair);
    }
    return short_ones;
}

static PyObject *send_to_all(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *fds;
    const char *data;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(arguments, "O!y#", &PyList_Type, &fds, &data, &size))
        return NULL;
    Py_ssize_t count = PyList_Size(fds);
    struct one *all = PyMem_Calloc((size_t)count, sizeof *all);
    if (all == NULL)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++) {
        long fd = PyLong_AsLong(PyList_GetItem(fds, i));
        if (fd == -1 && PyErr_Occurred()) {
            PyMem_Free(all);
            return NULL;
        }
        all[i].fd = (int)fd;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++)
        all[i].sent = hand_over(all[i].fd, data, size);
    Py_END_ALLOW_THREADS
    PyObject *short_ones = told(all, count, size);
    PyMem_Free(all);
    return short_ones;
}

static PyMethodDef methods[] = {
    {"send_to_all", send_to_all, METH_VARARGS, "See twin.send_to_all."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_fan", .m_size = 0, .m_methods = methods};

__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__fan(void);

PyMODINIT_FUNC PyInit__fan(void)
{
    return PyModule_Create(&module);
}
