/* Encrypts and sends frames to many viewers. What it does, and why, is said in twin.py, which does the same in Python.

   Pass.run holds no GIL. It reads the pass's own entries, the frame's payloads, what never changes of a stream, and
   uses the ciphers' first context; every other function runs under the GIL and uses the second. */
/* link: -lcrypto */

#define _GNU_SOURCE /* sendmmsg */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>

enum {
    DONE, MORE, FULL,

    MAX_SEGMENTS = 64,
    SEGMENT_OPTION = 103, /* UDP_SEGMENT, which older headers lack */
};

/* ---- Pass */

/* What a pass knows of one stream. Its own: no stream changes it, and it changes no stream. */
struct entry {
    Stream *stream; /* owned */
    Py_ssize_t place;
    struct route route;
    uint64_t first;
    uint32_t timestamp;
    int at; /* the payload that is sent next */
    bool segmenting, missed;
};

typedef struct {
    PyObject_HEAD
    PyObject *frame;
    struct payload *payloads;
    int *runs;
    int run_count;
    struct entry *entries;
    Py_ssize_t entry_count, now;
    bool running;
    Py_ssize_t sent, unreachable;
} Pass;

static bool read_frame(Pass *self)
{
    PyObject *payloads = PyTuple_GetItem(self->frame, 0), *runs = PyTuple_GetItem(self->frame, 1);
    Py_ssize_t count = payloads == NULL ? -1 : PyTuple_Size(payloads);
    Py_ssize_t run_count = runs == NULL ? -1 : PyTuple_Size(runs);
    if (count < 0 || run_count < 0)
        return false;
    self->payloads = calloc((size_t)count + 1, sizeof *self->payloads);
    self->runs = calloc((size_t)run_count + 1, sizeof *self->runs);
    if (self->payloads == NULL || self->runs == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t at = 0; at < count; at++)
        if (!payload_at(self->frame, at, &self->payloads[at]))
            return false;
    self->run_count = (int)run_count;
    int start = 0;
    for (int run = 0; run < self->run_count; run++) {
        long end = PyLong_AsLong(PyTuple_GetItem(runs, run)), bytes = 0;
        if (PyErr_Occurred())
            return false;
        bool sound = end > start && end <= count && end - start <= MAX_SEGMENTS;
        for (int at = start; sound && at < end; at++) {
            int size = self->payloads[at].size, first = self->payloads[start].size;
            bytes += HEADER_SIZE + MAX_EXTENSION + size + TAG_SIZE;
            sound = bytes <= MAX_DATAGRAM && (at == end - 1 ? size <= first : size == first);
        }
        if (!sound) {
            PyErr_SetString(PyExc_ValueError, "the frame's runs cannot be sent as one datagram each");
            return false;
        }
        start = self->runs[run] = (int)end;
    }
    return true;
}

static PyObject *pass_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *frame, *streams;
    unsigned int ticks;
    struct types *types = PyType_GetModuleState(type);
    if (types == NULL)
        return NULL;
    if (keywords != NULL && PyDict_Size(keywords) > 0)
        return PyErr_Format(PyExc_TypeError, "Pass takes no keyword arguments");
    if (!PyArg_ParseTuple(arguments, "O!IO!", &PyTuple_Type, &frame, &ticks, &PyList_Type, &streams))
        return NULL;
    Py_ssize_t count = PyList_Size(streams);
    for (Py_ssize_t place = 0; place < count; place++)
        if (!Py_IS_TYPE(PyList_GetItem(streams, place), types->stream))
            return PyErr_Format(PyExc_TypeError, "streams is a list of this module's Streams");
    Pass *self = allocate(type);
    if (self == NULL)
        return NULL;
    self->frame = Py_NewRef(frame);
    if (!read_frame(self)) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    self->entries = calloc((size_t)count + 1, sizeof *self->entries);
    if (self->entries == NULL) {
        Py_DECREF((PyObject *)self);
        return PyErr_NoMemory();
    }
    for (Py_ssize_t place = 0; place < count; place++) {
        Stream *stream = (Stream *)PyList_GetItem(streams, place);
        if (stream->route.size == 0)
            continue;
        const struct sent *sent = number(stream, frame, ticks);
        if (sent == NULL) {
            Py_DECREF((PyObject *)self);
            return NULL;
        }
        self->entries[self->entry_count++] = (struct entry){
            .stream = (Stream *)Py_NewRef((PyObject *)stream), .place = place, .route = stream->route,
            .first = sent->first, .timestamp = sent->timestamp, .segmenting = stream->segmenting,
        };
    }
    return (PyObject *)self;
}

static void pass_dealloc(PyObject *object)
{
    Pass *self = (Pass *)object;
    for (Py_ssize_t i = 0; i < self->entry_count; i++)
        Py_DECREF((PyObject *)self->entries[i].stream);
    free(self->entries);
    free(self->payloads);
    free(self->runs);
    Py_XDECREF(self->frame);
    release(object);
}

/* One datagram that the system cuts into `size` bytes each; 0 or errno. */
static int send_segmented(const struct route *route, uint8_t *data, size_t length, int size)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(uint16_t))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec vector = {data, length};
    struct msghdr message = {
        .msg_name = (void *)&route->address, .msg_namelen = route->size, .msg_iov = &vector, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    uint16_t segment = (uint16_t)size;
    control.header.cmsg_level = IPPROTO_UDP;
    control.header.cmsg_type = SEGMENT_OPTION;
    control.header.cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(&control.header), &segment, sizeof segment);
    while (sendmsg(route->socket, &message, MSG_DONTWAIT) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

/* Datagrams one after the other: `size` bytes each but the last. How many were sent; an errno for the next of them. */
static int send_single(const struct route *route, uint8_t *data, size_t length, int size, int *error)
{
    struct mmsghdr messages[MAX_SEGMENTS];
    struct iovec vectors[MAX_SEGMENTS];
    int count = 0, sent = 0;
    for (size_t at = 0; at < length; at += (size_t)size, count++) {
        vectors[count] = (struct iovec){data + at, length - at < (size_t)size ? length - at : (size_t)size};
        messages[count] = (struct mmsghdr){.msg_hdr = {
            .msg_name = (void *)&route->address, .msg_namelen = route->size,
            .msg_iov = &vectors[count], .msg_iovlen = 1,
        }};
    }
    *error = 0;
    while (sent < count && *error == 0) {
        int taken = sendmmsg(route->socket, messages + sent, (unsigned int)(count - sent), MSG_DONTWAIT);
        if (taken > 0)
            sent += taken;
        else if (errno != EINTR)
            *error = errno;
    }
    return sent;
}

static bool cannot_cut(int error)
{
    return error == EIO || error == EINVAL || error == EMSGSIZE || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

/* Send what is left of the frame to one stream: 0, an errno, or -1 when OpenSSL refuses. */
static int send_entry(Pass *pass, struct entry *entry, uint8_t *packets)
{
    for (int run = 0; run < pass->run_count; run++) {
        int end = pass->runs[run];
        if (end <= entry->at)
            continue;
        size_t length = 0;
        int size = 0;
        for (int at = entry->at; at < end; at++) {
            int sealed = seal_packet(entry->stream, &entry->stream->cipher->sending, entry->first + (uint64_t)at,
                                     entry->timestamp, &pass->payloads[at], packets + length);
            if (sealed < 0)
                return -1;
            length += (size_t)sealed;
            if (at == entry->at)
                size = sealed;
        }
        if (entry->segmenting && end - entry->at > 1) {
            int error = send_segmented(&entry->route, packets, length, size);
            if (error == 0) {
                pass->sent += end - entry->at;
                entry->at = end;
                continue;
            }
            if (!cannot_cut(error))
                return error;
            entry->segmenting = false;
        }
        int error, sent = send_single(&entry->route, packets, length, size, &error);
        pass->sent += sent;
        entry->at += sent;
        if (error != 0)
            return error;
    }
    return 0;
}

/* See Pass.run in twin.py; -1 when OpenSSL refuses. */
static int run(Pass *self, Py_ssize_t limit, bool patient, uint8_t *packets)
{
    Py_ssize_t stop = self->sent + limit;
    for (; self->now < self->entry_count; self->now++) {
        if (self->sent >= stop)
            return MORE;
        struct entry *entry = &self->entries[self->now];
        int error = send_entry(self, entry, packets);
        if (error < 0)
            return -1;
        if (error == EAGAIN || error == EWOULDBLOCK) {
            if (patient)
                return FULL;
            entry->missed = true;
        } else if (error != 0) {
            self->unreachable++;
        }
    }
    return DONE;
}

static PyObject *pass_run(PyObject *object, PyObject *arguments)
{
    Pass *self = (Pass *)object;
    Py_ssize_t limit;
    int patient, outcome;
    if (!PyArg_ParseTuple(arguments, "np", &limit, &patient))
        return NULL;
    uint8_t *packets = malloc(MAX_DATAGRAM);
    if (packets == NULL)
        return PyErr_NoMemory();
    if (self->running) {
        free(packets);
        return PyErr_Format(PyExc_RuntimeError, "the pass is running already");
    }
    self->running = true;
    Py_BEGIN_ALLOW_THREADS
    outcome = run(self, limit, patient, packets);
    Py_END_ALLOW_THREADS
    self->running = false;
    free(packets);
    if (outcome < 0)
        return PyErr_Format(PyExc_RuntimeError, "OpenSSL refuses to encrypt");
    return PyLong_FromLong(outcome);
}

static PyObject *pass_settle(PyObject *object, PyObject *unused)
{
    Pass *self = (Pass *)object;
    (void)unused;
    PyObject *missed = PyList_New(0);
    for (Py_ssize_t i = 0; missed != NULL && i < self->entry_count; i++) {
        struct entry *entry = &self->entries[i];
        if (!entry->segmenting && memcmp(&entry->route, &entry->stream->route, sizeof entry->route) == 0)
            entry->stream->segmenting = 0;
        if (!entry->missed)
            continue;
        PyObject *place = PyLong_FromSsize_t(entry->place);
        if (place == NULL || PyList_Append(missed, place) < 0)
            Py_CLEAR(missed);
        Py_XDECREF(place);
    }
    return missed;
}

/* ---- the module */

static PyMethodDef pass_methods[] = {
    {"run", pass_run, METH_VARARGS, NULL},
    {"settle", pass_settle, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyMemberDef pass_members[] = {
    {"sent", T_PYSSIZET, offsetof(Pass, sent), READONLY, NULL},
    {"unreachable", T_PYSSIZET, offsetof(Pass, unreachable), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot pass_slots[] = {
    {Py_tp_new, pass_new},         {Py_tp_dealloc, pass_dealloc}, {Py_tp_methods, pass_methods},
    {Py_tp_members, pass_members}, {0, NULL},
};
static PyType_Spec pass_spec = {
    "gateway.webrtc.kernel._send.Pass", sizeof(Pass), 0, Py_TPFLAGS_DEFAULT, pass_slots};

static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) < 0)
        Py_CLEAR(type);
    return (PyTypeObject *)type;
}

static int module_exec(PyObject *module)
{
    struct types *types = PyModule_GetState(module);
    if (!gcm_load()) {
        PyErr_SetString(PyExc_ImportError, "this OpenSSL does not offer AES-GCM as it should");
        return -1;
    }
    types->cipher = add_type(module, &cipher_spec);
    types->stream = add_type(module, &stream_spec);
    types->pass = add_type(module, &pass_spec);
    return types->cipher == NULL || types->stream == NULL || types->pass == NULL ? -1 : 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct types *types = PyModule_GetState(module);
    Py_VISIT((PyObject *)types->cipher);
    Py_VISIT((PyObject *)types->stream);
    Py_VISIT((PyObject *)types->pass);
    return 0;
}

static int module_clear(PyObject *module)
{
    struct types *types = PyModule_GetState(module);
    Py_CLEAR(types->cipher);
    Py_CLEAR(types->stream);
    Py_CLEAR(types->pass);
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.webrtc.kernel._send",
    .m_size = sizeof(struct types),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
};

PyMODINIT_FUNC PyInit__send(void) { return PyModuleDef_Init(&module_definition); }
