/* Ciphers and streams: what is known of a viewer between two frames. Part of _send.c, which alone includes it. */

#pragma once

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>
#include <sys/socket.h>

#include "gcm.h"

enum {
    HEADER_SIZE = 12,
    MAX_EXTENSION = 64,
    SALT_SIZE = NONCE_SIZE,
    MAX_KEY_SIZE = 32,
    MAX_DATAGRAM = 65507,
    HISTORY_FRAMES = 64,

    FIRST_BYTE = 0x80, /* version 2 */
    EXTENSION_BIT = 0x10,
    MARKER = 0x80,
};

struct types {
    PyTypeObject *cipher, *stream, *pass;
};

static void write16(uint8_t *at, uint32_t value) { at[0] = (uint8_t)(value >> 8); at[1] = (uint8_t)value; }
static void write32(uint8_t *at, uint32_t value) { write16(at, value >> 16); write16(at + 2, value); }

static void release(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release_memory = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release_memory(self);
    Py_DECREF(type);
}

static void *allocate(PyTypeObject *type)
{
    allocfunc make = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return make(type, 0); /* all zero */
}

/* ---- Cipher */

typedef struct {
    PyObject_HEAD
    struct gcm sending;   /* Pass.run's */
    struct gcm resending; /* everybody else's; made when first wanted */
    size_t key_size;
    uint8_t key[MAX_KEY_SIZE], salt[SALT_SIZE];
} Cipher;

static bool use_key(struct gcm *gcm, const Cipher *self)
{
    if (gcm_make(gcm, self->key, self->key_size))
        return true;
    gcm_free(gcm);
    PyErr_SetString(PyExc_RuntimeError, "OpenSSL refuses the key");
    return false;
}

static PyObject *cipher_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    const char *key, *salt;
    Py_ssize_t key_size, salt_size;
    if (keywords != NULL && PyDict_Size(keywords) > 0)
        return PyErr_Format(PyExc_TypeError, "Cipher takes no keyword arguments");
    if (!PyArg_ParseTuple(arguments, "y#y#", &key, &key_size, &salt, &salt_size))
        return NULL;
    if ((key_size != 16 && key_size != 32) || salt_size != SALT_SIZE)
        return PyErr_Format(PyExc_ValueError, "the key has 16 or 32 bytes, the salt 12");
    Cipher *self = allocate(type);
    if (self == NULL)
        return NULL;
    self->key_size = (size_t)key_size;
    memcpy(self->key, key, (size_t)key_size);
    memcpy(self->salt, salt, SALT_SIZE);
    if (!use_key(&self->sending, self)) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    return (PyObject *)self;
}

static void cipher_dealloc(PyObject *object)
{
    Cipher *self = (Cipher *)object;
    gcm_free(&self->sending);
    gcm_free(&self->resending);
    OPENSSL_cleanse(self->key, sizeof self->key);
    release(object);
}

/* ---- Stream */

struct route {
    int socket;
    socklen_t size; /* 0: none yet */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
};

struct sent {
    uint64_t first;
    uint32_t timestamp;
    PyObject *frame;
};

typedef struct {
    PyObject_HEAD
    /* These belong to whoever holds the GIL. Close together: numbering a thousand streams waits for memory, if anything. */
    size_t frames; /* numbered so far; the newest stands at (frames - 1) % HISTORY_FRAMES */
    unsigned long long next, packets, octets;
    struct route route;
    char segmenting;
    /* These never change. */
    uint8_t first_byte, payload_type, extension_size;
    uint32_t ssrc, offset;
    Cipher *cipher;
    uint8_t extension[MAX_EXTENSION];
    /* The GIL's again. */
    struct sent history[HISTORY_FRAMES];
} Stream;

/* One payload of a frame, ready to be encrypted. */
struct payload {
    const uint8_t *data;
    int size;
    bool marker;
};

/* The SRTP packet of a payload; its size, or -1 when OpenSSL refuses. */
static int seal_packet(const Stream *stream, const struct gcm *gcm, uint64_t index, uint32_t timestamp,
                       const struct payload *payload, uint8_t *packet)
{
    int header_size = HEADER_SIZE + stream->extension_size;
    packet[0] = stream->first_byte;
    packet[1] = payload->marker ? stream->payload_type | MARKER : stream->payload_type;
    write16(packet + 2, (uint32_t)index & 0xFFFF);
    write32(packet + 4, timestamp);
    write32(packet + 8, stream->ssrc);
    memcpy(packet + HEADER_SIZE, stream->extension, stream->extension_size);

    uint8_t nonce[SALT_SIZE]; /* RFC 7714 8.1 */
    write16(nonce, 0);
    write32(nonce + 2, stream->ssrc);
    write32(nonce + 6, (uint32_t)(index >> 16));
    write16(nonce + 10, (uint32_t)index & 0xFFFF);
    for (int i = 0; i < SALT_SIZE; i++)
        nonce[i] ^= stream->cipher->salt[i];

    if (!gcm_seal(gcm, nonce, packet, (size_t)header_size, payload->data, (size_t)payload->size, packet + header_size))
        return -1;
    return header_size + payload->size + TAG_SIZE;
}

static PyObject *stream_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *cipher;
    unsigned int ssrc, payload_type, sequence, offset;
    const char *extension;
    Py_ssize_t extension_size;
    struct types *types = PyType_GetModuleState(type);
    if (types == NULL)
        return NULL;
    if (keywords != NULL && PyDict_Size(keywords) > 0)
        return PyErr_Format(PyExc_TypeError, "Stream takes no keyword arguments");
    if (!PyArg_ParseTuple(arguments, "O!IIIIy#", types->cipher, &cipher, &ssrc, &payload_type, &sequence, &offset,
                          &extension, &extension_size))
        return NULL;
    if (extension_size % 4 || extension_size > MAX_EXTENSION || payload_type > 127)
        return PyErr_Format(PyExc_ValueError, "the extension is in words, 64 bytes at most; a payload type has 7 bits");
    Stream *self = allocate(type);
    if (self == NULL)
        return NULL;
    self->cipher = (Cipher *)Py_NewRef(cipher);
    self->ssrc = ssrc;
    self->offset = offset;
    self->payload_type = (uint8_t)payload_type;
    self->first_byte = extension_size ? FIRST_BYTE | EXTENSION_BIT : FIRST_BYTE;
    self->extension_size = (uint8_t)extension_size;
    memcpy(self->extension, extension, (size_t)extension_size);
    self->segmenting = 1;
    self->next = sequence;
    return (PyObject *)self;
}

static void stream_dealloc(PyObject *object)
{
    Stream *self = (Stream *)object;
    for (size_t i = 0; i < HISTORY_FRAMES; i++)
        Py_XDECREF(self->history[i].frame);
    Py_XDECREF((PyObject *)self->cipher);
    release(object);
}

static PyObject *stream_aim(PyObject *object, PyObject *arguments)
{
    Stream *self = (Stream *)object;
    PyObject *sock, *address;
    const char *host;
    unsigned int port, flow = 0, scope = 0;
    if (!PyArg_ParseTuple(arguments, "OO!", &sock, &PyTuple_Type, &address) ||
        !PyArg_ParseTuple(address, "sI|II", &host, &port, &flow, &scope))
        return NULL;
    struct route route;
    memset(&route, 0, sizeof route); /* padding too: routes are compared as bytes */
    route.socket = PyObject_AsFileDescriptor(sock);
    if (route.socket < 0)
        return NULL;
    int read;
    if (PyTuple_Size(address) == 2) {
        route.size = sizeof route.address.v4;
        route.address.v4.sin_family = AF_INET;
        route.address.v4.sin_port = htons((uint16_t)port);
        read = inet_pton(AF_INET, host, &route.address.v4.sin_addr);
    } else {
        route.size = sizeof route.address.v6;
        route.address.v6.sin6_family = AF_INET6;
        route.address.v6.sin6_port = htons((uint16_t)port);
        route.address.v6.sin6_flowinfo = htonl(flow);
        route.address.v6.sin6_scope_id = scope;
        read = inet_pton(AF_INET6, host, &route.address.v6.sin6_addr);
    }
    if (read != 1)
        return PyErr_Format(PyExc_OSError, "%s is no IP address of the kind that its tuple says", host);
    if (memcmp(&route, &self->route, sizeof route) != 0) {
        self->route = route;
        self->segmenting = 1;
    }
    Py_RETURN_NONE;
}

/* Payload `at` of a Frame. False with an exception when there is no such thing. */
static bool payload_at(PyObject *frame, Py_ssize_t at, struct payload *payload)
{
    PyObject *payloads = PyTuple_GetItem(frame, 0), *marker = PyTuple_GetItem(frame, 3), *bytes;
    char *data;
    Py_ssize_t size;
    if (payloads == NULL || marker == NULL || (bytes = PyTuple_GetItem(payloads, at)) == NULL ||
        PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
        return false;
    if (size + HEADER_SIZE + MAX_EXTENSION + TAG_SIZE > MAX_DATAGRAM) {
        PyErr_SetString(PyExc_ValueError, "a payload does not fit a datagram");
        return false;
    }
    payload->data = (const uint8_t *)data;
    payload->size = (int)size;
    payload->marker = marker == Py_True && at == PyTuple_Size(payloads) - 1;
    return true;
}

/* The newest packet of a number: its frame, or NULL, with or without an exception; and its place in the frame. */
static const struct sent *find(const Stream *self, PyObject *argument, Py_ssize_t *at)
{
    unsigned long sequence = PyLong_AsUnsignedLong(argument);
    if (sequence == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    for (size_t back = 1; back <= HISTORY_FRAMES && back <= self->frames; back++) {
        const struct sent *sent = &self->history[(self->frames - back) % HISTORY_FRAMES];
        *at = (Py_ssize_t)((sequence - sent->first) & 0xFFFF);
        if (*at < PyTuple_Size(PyTuple_GetItem(sent->frame, 0)))
            return sent;
    }
    return NULL;
}

static PyObject *stream_find(PyObject *object, PyObject *argument)
{
    Py_ssize_t at;
    struct payload payload;
    const struct sent *sent = find((Stream *)object, argument, &at);
    if (sent == NULL) {
        if (PyErr_Occurred())
            return NULL;
        Py_RETURN_NONE;
    }
    if (!payload_at(sent->frame, at, &payload))
        return NULL;
    PyObject *bytes = PyTuple_GetItem(PyTuple_GetItem(sent->frame, 0), at);
    return Py_BuildValue("(IOO)", sent->timestamp, bytes, payload.marker ? Py_True : Py_False);
}

/* One packet as bytes, outside of a pass. */
static PyObject *seal_again(Stream *self, const struct sent *sent, Py_ssize_t at)
{
    Cipher *cipher = self->cipher;
    struct payload payload;
    if (!payload_at(sent->frame, at, &payload))
        return NULL;
    if (cipher->resending.state == NULL && !use_key(&cipher->resending, cipher))
        return NULL;
    PyObject *packet =
        PyBytes_FromStringAndSize(NULL, HEADER_SIZE + self->extension_size + payload.size + TAG_SIZE);
    if (packet == NULL)
        return NULL;
    uint8_t *data = (uint8_t *)PyBytes_AsString(packet);
    if (seal_packet(self, &cipher->resending, sent->first + (uint64_t)at, sent->timestamp, &payload, data) < 0) {
        Py_DECREF(packet);
        return PyErr_Format(PyExc_RuntimeError, "OpenSSL refuses to encrypt");
    }
    return packet;
}

static PyObject *stream_again(PyObject *object, PyObject *argument)
{
    Py_ssize_t at;
    const struct sent *sent = find((Stream *)object, argument, &at);
    if (sent != NULL)
        return seal_again((Stream *)object, sent, at);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* Give a frame's packets their numbers; NULL with an exception when it is none. */
static const struct sent *number(Stream *self, PyObject *frame, uint32_t ticks)
{
    PyObject *payloads = PyTuple_GetItem(frame, 0), *size = PyTuple_GetItem(frame, 2);
    Py_ssize_t count = payloads == NULL ? -1 : PyTuple_Size(payloads);
    unsigned long octets = size == NULL ? 0 : PyLong_AsUnsignedLong(size);
    if (count < 0 || PyErr_Occurred())
        return NULL;
    struct sent *sent = &self->history[self->frames++ % HISTORY_FRAMES];
    PyObject *forgotten = sent->frame;
    sent->first = self->next;
    sent->timestamp = ticks + self->offset;
    sent->frame = Py_NewRef(frame);
    Py_XDECREF(forgotten);
    self->next += (unsigned long long)count;
    self->packets += (unsigned long long)count;
    self->octets += octets;
    return sent;
}

static PyObject *stream_seal(PyObject *object, PyObject *arguments)
{
    Stream *self = (Stream *)object;
    PyObject *frame;
    unsigned int ticks;
    if (!PyArg_ParseTuple(arguments, "O!I", &PyTuple_Type, &frame, &ticks))
        return NULL;
    const struct sent *sent = number(self, frame, ticks);
    PyObject *packets = sent == NULL ? NULL : PyList_New(0);
    Py_ssize_t count = packets == NULL ? 0 : PyTuple_Size(PyTuple_GetItem(frame, 0));
    for (Py_ssize_t at = 0; packets != NULL && at < count; at++) {
        PyObject *packet = seal_again(self, sent, at);
        if (packet == NULL || PyList_Append(packets, packet) < 0)
            Py_CLEAR(packets);
        Py_XDECREF(packet);
    }
    return packets;
}

static PyType_Slot cipher_slots[] = {{Py_tp_new, cipher_new}, {Py_tp_dealloc, cipher_dealloc}, {0, NULL}};
static PyType_Spec cipher_spec = {
    "gateway.webrtc.kernel._send.Cipher", sizeof(Cipher), 0, Py_TPFLAGS_DEFAULT, cipher_slots};

static PyMethodDef stream_methods[] = {
    {"aim", stream_aim, METH_VARARGS, NULL},
    {"find", stream_find, METH_O, NULL},
    {"again", stream_again, METH_O, NULL},
    {"seal", stream_seal, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyMemberDef stream_members[] = {
    {"next", T_ULONGLONG, offsetof(Stream, next), READONLY, NULL},
    {"packets", T_ULONGLONG, offsetof(Stream, packets), READONLY, NULL},
    {"octets", T_ULONGLONG, offsetof(Stream, octets), READONLY, NULL},
    {"segmenting", T_BOOL, offsetof(Stream, segmenting), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot stream_slots[] = {
    {Py_tp_new, stream_new},         {Py_tp_dealloc, stream_dealloc}, {Py_tp_methods, stream_methods},
    {Py_tp_members, stream_members}, {0, NULL},
};
static PyType_Spec stream_spec = {
    "gateway.webrtc.kernel._send.Stream", sizeof(Stream), 0, Py_TPFLAGS_DEFAULT, stream_slots};
