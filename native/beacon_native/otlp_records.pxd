# What the readers of OTLP requests have in common; see otlp_records.pyx.

from libc.stdint cimport uint64_t
from libc.string cimport memcmp

cdef enum:
    POSITIONS = 128  # attributes of a record; OpenTelemetry's SDKs allow as many, unless told otherwise
    MOST_LEVELS = 24  # of lists and maps; the other readers count messages, of which a map has three, and allow 100


cdef struct Part:  # of a request: from its first byte to the one after its last
    const unsigned char* at
    const unsigned char* end


cdef inline Part whole(bytes body) noexcept:
    cdef Part part
    part.at = <const unsigned char*><char*>body
    part.end = part.at + len(body)
    return part


cdef inline bint same(Part one, Part known) noexcept:
    """Tell whether two parts are equal; nothing equals what is not known."""
    cdef Py_ssize_t size = one.end - one.at
    return known.at != NULL and size == known.end - known.at and memcmp(one.at, known.at, size) == 0


cdef str text(Part part)
cdef bytes content(Part part)
cdef int add(dict found, str key, object value) except -1


cdef class Row:
    cdef Part keys[POSITIONS]
    cdef Part values[POSITIONS]
    cdef int _count
    cdef list _names
    cdef list _objects
    cdef dict _before
    cdef int _changed[POSITIONS]
    cdef int _changes
    cdef bint _other_names

    cdef void begin(self) noexcept
    cdef int next(self) except -1
    cdef int name(self, str found) except -1
    cdef int value(self, object found) except -1
    cdef dict attributes(self)


cdef class Records:
    cdef bytes body
    cdef list events
    cdef readonly Py_ssize_t untimed
    cdef readonly Py_ssize_t empty
    cdef uint64_t received
    cdef Row row
    cdef Part known_body
    cdef object body_before
    cdef Part known_severity
    cdef str severity_before
    cdef object resource
    cdef object scope
    cdef str _prefix
    cdef object _make_event
    cdef object _make_span
    cdef object _make_span_event

    cdef list _read(self, bint spans)
    cdef int add_log(
        self, str name, uint64_t time, uint64_t observed, str severity_text, uint64_t severity, object body,
        dict attributes, object resource, object scope, str trace_id, str span_id, uint64_t flags, uint64_t dropped,
    ) except -1
    cdef int add_span(
        self, str name, uint64_t start, dict attributes, object resource, object scope, str trace_id, str span_id,
        uint64_t flags, uint64_t dropped, object span,
    ) except -1
    cdef object span_part(
        self, str parent, str state, uint64_t kind, uint64_t end, uint64_t code, str message, list events,
        uint64_t dropped_events, uint64_t dropped_links,
    )
    cdef object span_event(self, str name, uint64_t time, dict attributes, uint64_t dropped)
    cdef int _append(self, tuple names, tuple values) except -1
