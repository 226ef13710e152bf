/* The loops over a camera's packets. What they do, and why, is said in twin.py, which does the same in Python. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    HEADER_SIZE = 12,
    FU_A = 28,
    START = 0x80,
    END = 0x40,
    MARKER = 0x80,
    MAX_PICTURE_BYTES = 16 << 20,
    MAX_OTHERS = 64,
};
static const uint32_t SLICES = 1u << 1 | 1u << 5;
static const uint32_t PRECEDING = 1u << 6 | 1u << 7 | 1u << 8 | 1u << 9;

static uint32_t read16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t read32(const uint8_t *at) { return read16(at) << 16 | read16(at + 2); }

/* ---- split_frames */

static PyObject *split_frames(PyObject *module, PyObject *arguments)
{
    (void)module;
    const char *bytes;
    Py_ssize_t end, start;
    if (!PyArg_ParseTuple(arguments, "y#n", &bytes, &end, &start))
        return NULL;
    const uint8_t *data = (const uint8_t *)bytes;
    PyObject *packets = PyList_New(0);
    if (packets == NULL)
        return NULL;
    int channel = 0;
    if (start >= 0 && start + 4 <= end) {
        channel = data[start + 1];
        while (start + 4 <= end && data[start] == '$' && data[start + 1] == channel) {
            Py_ssize_t stop = start + 4 + (Py_ssize_t)read16(data + start + 2);
            if (stop > end)
                break;
            PyObject *packet = PyBytes_FromStringAndSize(bytes + start + 4, stop - start - 4);
            if (packet == NULL || PyList_Append(packets, packet) < 0) {
                Py_XDECREF(packet);
                Py_DECREF(packets);
                return NULL;
            }
            Py_DECREF(packet);
            start = stop;
        }
    }
    return Py_BuildValue("(iNn)", channel, packets, start);
}

/* ---- pictures */

struct packet {
    const uint8_t *data;
    Py_ssize_t size;
};

struct stream {
    uint32_t payload_type, ssrc, due, previous;
};

/* What a picture that begins with a certain packet turns out to be. */
struct picture {
    enum { WHOLE, UNFINISHED, UNUSUAL } state;
    uint32_t timestamp, kinds;
    Py_ssize_t packets, nals, size, payload;
};

static bool packet_at(PyObject *packets, Py_ssize_t index, struct packet *packet)
{
    PyObject *item = PyList_GetItem(packets, index); /* borrowed */
    char *data;
    if (item == NULL || PyBytes_AsStringAndSize(item, &data, &packet->size) < 0)
        return false;
    packet->data = (const uint8_t *)data;
    return true;
}

static bool has_start_code(const uint8_t *data, Py_ssize_t size)
{
    for (Py_ssize_t at = 0; at + 3 <= size; at++)
        if (data[at] == 0 && data[at + 1] == 0 && data[at + 2] == 1)
            return true;
    return false;
}

/* First pass: is there a whole picture, and how large is it? False: a Python exception is set. */
static bool measure(PyObject *packets, Py_ssize_t start, struct stream stream, struct picture *picture)
{
    Py_ssize_t count = PyList_Size(packets);
    bool open = false; /* within fragments */
    int others = 0;
    *picture = (struct picture){.state = UNUSUAL};
    for (Py_ssize_t at = start; at < count; at++, stream.due++) {
        struct packet packet;
        if (!packet_at(packets, at, &packet))
            return false;
        const uint8_t *data = packet.data;
        if (packet.size <= HEADER_SIZE + 1)
            return true;
        uint32_t timestamp = read32(data + 4);
        if (at == start)
            picture->timestamp = timestamp;
        if (data[0] != 0x80 || (data[1] & 127u) != stream.payload_type || read16(data + 2) != stream.due
            || stream.due == 0xFFFF || read32(data + 8) != stream.ssrc)
            return true;
        if (timestamp != picture->timestamp || timestamp == stream.previous)
            return true;
        picture->payload += packet.size - HEADER_SIZE;
        bool slices = picture->kinds & SLICES;
        uint32_t kind = data[12] & 0x1Fu;
        if (kind == FU_A) {
            if (packet.size <= HEADER_SIZE + 2)
                return true;
            uint32_t bounds = data[13] & (START | END);
            if (bounds == (START | END) || (bounds == START) == open)
                return true;
            if (bounds == START) {
                kind = data[13] & 0x1Fu;
                if (!(1u << kind & SLICES) || !!(data[14] & 0x80) == slices)
                    return true;
                picture->kinds |= 1u << kind;
                picture->size++;
                picture->nals++;
            }
            open = bounds != END;
            picture->size += packet.size - HEADER_SIZE - 2;
        } else {
            if (open)
                return true;
            if (1u << kind & SLICES) {
                if (!!(data[13] & 0x80) == slices)
                    return true;
            } else if (1u << kind & PRECEDING) {
                if (data[1] & MARKER || ++others > MAX_OTHERS
                    || has_start_code(data + 12, packet.size - HEADER_SIZE))
                    return true;
            } else {
                return true;
            }
            picture->kinds |= 1u << kind;
            picture->size += packet.size - HEADER_SIZE;
            picture->nals++;
        }
        if (picture->size > MAX_PICTURE_BYTES)
            return true;
        if (data[1] & MARKER) {
            if (!open && picture->kinds & SLICES) {
                picture->state = WHOLE;
                picture->packets = at - start + 1;
            }
            return true;
        }
    }
    picture->state = UNFINISHED;
    return true;
}

/* The NAL unit whose fragments begin at `*at`, which moves to its last packet. */
static PyObject *join(PyObject *packets, Py_ssize_t *at)
{
    struct packet packet;
    Py_ssize_t size = 1, last = *at;
    do {
        if (!packet_at(packets, last, &packet))
            return NULL;
        size += packet.size - HEADER_SIZE - 2;
    } while (!(packet.data[13] & END) && ++last);
    PyObject *nal = PyBytes_FromStringAndSize(NULL, size);
    if (nal == NULL)
        return NULL;
    char *into = PyBytes_AsString(nal);
    for (Py_ssize_t index = *at; index <= last; index++) {
        if (!packet_at(packets, index, &packet)) {
            Py_DECREF(nal);
            return NULL;
        }
        if (index == *at)
            *into++ = (char)((packet.data[12] & 0xE0) | (packet.data[13] & 0x1F));
        memcpy(into, packet.data + HEADER_SIZE + 2, (size_t)(packet.size - HEADER_SIZE - 2));
        into += packet.size - HEADER_SIZE - 2;
    }
    *at = last;
    return nal;
}

/* Second pass: the measured picture as Python has it. */
static PyObject *extract(PyObject *packets, Py_ssize_t start, const struct picture *picture)
{
    PyObject *nals = PyList_New(picture->nals);
    if (nals == NULL)
        return NULL;
    Py_ssize_t at = start;
    for (Py_ssize_t index = 0; index < picture->nals; index++, at++) {
        struct packet packet;
        PyObject *nal = NULL;
        if (packet_at(packets, at, &packet)) {
            if ((packet.data[12] & 0x1F) == FU_A)
                nal = join(packets, &at);
            else
                nal = PyBytes_FromStringAndSize((const char *)packet.data + HEADER_SIZE, packet.size - HEADER_SIZE);
        }
        if (nal == NULL) {
            Py_DECREF(nals);
            return NULL;
        }
        PyList_SetItem(nals, index, nal);
    }
    return Py_BuildValue(
        "(INInnn)", picture->timestamp, nals, picture->kinds, picture->size, picture->packets, picture->payload);
}

static PyObject *pictures(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *packets;
    unsigned int payload_type, ssrc, sequence, timestamp;
    if (!PyArg_ParseTuple(arguments, "OIIII", &packets, &payload_type, &ssrc, &sequence, &timestamp))
        return NULL;
    if (!PyList_Check(packets)) {
        PyErr_SetString(PyExc_TypeError, "packets must be a list of bytes");
        return NULL;
    }
    struct stream stream = {payload_type, ssrc, sequence, timestamp};
    struct picture picture = {.state = UNUSUAL};
    PyObject *found = PyList_New(0);
    if (found == NULL)
        return NULL;
    Py_ssize_t taken = 0;
    while (taken < PyList_Size(packets)) {
        if (!measure(packets, taken, stream, &picture))
            goto failed;
        if (picture.state != WHOLE)
            break;
        PyObject *whole = extract(packets, taken, &picture);
        if (whole == NULL || PyList_Append(found, whole) < 0) {
            Py_XDECREF(whole);
            goto failed;
        }
        Py_DECREF(whole);
        taken += picture.packets;
        stream.due += (uint32_t)picture.packets;
        stream.previous = picture.timestamp;
        picture.state = UNUSUAL;
    }
    return Py_BuildValue("(NnO)", found, taken, picture.state == UNFINISHED ? Py_True : Py_False);
failed:
    Py_DECREF(found);
    return NULL;
}

/* ---- the module */

static PyMethodDef methods[] = {
    {"split_frames", split_frames, METH_VARARGS, "See twin.split_frames."},
    {"pictures", pictures, METH_VARARGS, "See twin.pictures."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_receive", .m_size = 0, .m_methods = methods};

__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__receive(void);

PyMODINIT_FUNC PyInit__receive(void)
{
    return PyModule_Create(&module);
}
