# cython: language_level=3
"""What the readers of OTLP requests have in common: how what they find becomes events.

Both read what is ordinary, and leave what is unusual to a reader that knows what is to be done about it.
"""

from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint64_t

cdef extern from "Python.h":
    ctypedef struct PyTupleObject:
        PyObject* ob_item[1]
    object PyObject_Vectorcall(object callable, PyObject** arguments, size_t count, object names)

cdef tuple LOG_MEMBERS = (
    "id", "signal", "name", "time_unix_nano", "observed_time_unix_nano", "severity_text", "severity_number", "body",
    "attributes", "resource", "scope", "trace_id", "span_id", "flags", "dropped_attributes_count",
)
cdef tuple SPAN_MEMBERS = (
    "id", "signal", "name", "time_unix_nano", "attributes", "resource", "scope", "trace_id", "span_id", "flags",
    "dropped_attributes_count", "span",
)
cdef tuple KINDS = ("internal", "internal", "server", "client", "producer", "consumer")  # unspecified is internal
cdef tuple CODES = ("unset", "ok", "error")


class UnusualError(Exception):
    """Something that another reader has to look at."""


cdef str text(Part part):
    """Return UTF-8 as text."""
    try:
        return PyUnicode_DecodeUTF8(<const char*>part.at, part.end - part.at, NULL)
    except UnicodeDecodeError:
        raise UnusualError from None


cdef bytes content(Part part):
    return (<const char*>part.at)[:part.end - part.at]


cdef int add(dict found, str key, object value) except -1:
    """Add an attribute, whose key must not be there yet."""
    cdef Py_ssize_t before = len(found)
    found[key] = value
    if len(found) == before:
        raise UnusualError
    return 0


cdef class Row:
    """The attributes of the record that is being read, and what those of the record before it were.

    What a reader finds equal to the record before, comparing bytes, becomes the same object: it is half of what reading
    costs otherwise, and what comes after compares, and hashes, fewer texts. Where all keys are, as they are in most
    records, the dict is a copy of the one before, which costs a third of filling one.

    Attributes:
        keys: by position, what was read of the key; `at` is NULL if that is not known.
        values: likewise of the value.
    """

    def __cinit__(self):
        self._names, self._objects = [], []

    cdef void begin(self) noexcept:
        """Begin with a record."""
        self._count = self._changes = 0
        self._other_names = False

    cdef int next(self) except -1:
        """Begin with an attribute and return its position."""
        if self._count >= POSITIONS:
            raise UnusualError
        self._count += 1
        return self._count - 1

    cdef int name(self, str found) except -1:
        """Set the attribute's key, which does not equal the one before."""
        self._other_names = True
        if self._count > len(self._names):
            self._names.append(found)
            self._objects.append(None)
        else:
            self._names[self._count - 1] = found
        return 0

    cdef int value(self, object found) except -1:
        """Set the attribute's value, likewise; once."""
        if self._changes >= self._count:
            raise UnusualError
        self._objects[self._count - 1] = found
        self._changed[self._changes] = self._count - 1
        self._changes += 1
        return 0

    cdef dict attributes(self):
        """Return the attributes of the record, which ends here."""
        cdef dict found
        cdef int place
        if self._other_names or self._before is None or self._count != len(self._before):
            found = {}
            for place in range(self._count):
                found[self._names[place]] = self._objects[place]
            if len(found) != self._count:
                raise UnusualError
        else:
            found = self._before.copy()
            for place in range(self._changes):
                found[self._names[self._changed[place]]] = self._objects[self._changed[place]]
        self._before = found
        return found


cdef class Records:
    """Base of the readers of a request.

    Args:
        body: the message.
        prefix: what the ids of events begin with, before their number.
        event: makes an event, from keyword arguments.
        span: makes what a span has beside, likewise.
        span_event: makes an event of a span, likewise.
        resource: returns the attributes of a Resource, from its bytes.
        scope: returns a scope, from the bytes of an InstrumentationScope and the URL of its schema.
        received: the time of log records that have none, not even one at which they were observed, in nanoseconds.

    Attributes:
        untimed: how many log records had no time of their own.
        empty: how many values of log records, of either their attributes or their bodies, were `{}`, which says nothing.
        known_body: what was read of the body of the record before, which is `body_before`; likewise for the severity.
    """

    def __cinit__(self, bytes body not None, str prefix not None, *, event, span, span_event, resource, scope, uint64_t received=0):
        self.body = body
        self.received = received
        self.events = []
        self.row = Row()
        self.resource, self.scope = resource, scope
        self._prefix = prefix
        self._make_event, self._make_span, self._make_span_event = event, span, span_event

    def logs(self):
        """Return the events of an ExportLogsServiceRequest; None if it holds something unusual, or none."""
        return self._read(False)

    def spans(self):
        """Return the events of an ExportTraceServiceRequest, as above."""
        return self._read(True)

    cdef list _read(self, bint spans):
        raise NotImplementedError  # each encoding has its own

    cdef int add_log(
        self, str name, uint64_t time, uint64_t observed, str severity_text, uint64_t severity, object body,
        dict attributes, object resource, object scope, str trace_id, str span_id, uint64_t flags, uint64_t dropped,
    ) except -1:
        if not time:
            self.untimed += 1
            time = observed or self.received
        if severity >= 1 << 31 or flags >= 1 << 32 or dropped >= 1 << 32:
            raise UnusualError
        if not name:
            named = attributes.get("event.name")
            name = named if type(named) is str else ""
        self._append(LOG_MEMBERS, (
            f"{self._prefix}{len(self.events)}", "log", name, time, observed, severity_text, severity, body,
            attributes, resource, scope, trace_id, span_id, flags, dropped,
        ))
        return 0

    cdef int add_span(
        self, str name, uint64_t start, dict attributes, object resource, object scope, str trace_id, str span_id,
        uint64_t flags, uint64_t dropped, object span,
    ) except -1:
        if not start or flags >= 1 << 32 or dropped >= 1 << 32:
            raise UnusualError
        self._append(SPAN_MEMBERS, (
            f"{self._prefix}{len(self.events)}", "span", name, start, attributes, resource, scope, trace_id, span_id,
            flags, dropped, span,
        ))
        return 0

    cdef object span_part(
        self, str parent, str state, uint64_t kind, uint64_t end, uint64_t code, str message, list events,
        uint64_t dropped_events, uint64_t dropped_links,
    ):
        """Return what a span has beside what all events have."""
        if kind >= <uint64_t>len(KINDS) or code >= <uint64_t>len(CODES) or max(dropped_events, dropped_links) >= 1 << 32:
            raise UnusualError
        return self._make_span(
            parent_span_id=parent, trace_state=state, kind=KINDS[kind], end_time_unix_nano=end,
            status_code=CODES[code], status_message=message, events=events, dropped_events_count=dropped_events,
            dropped_links_count=dropped_links,
        )

    cdef object span_event(self, str name, uint64_t time, dict attributes, uint64_t dropped):
        """Return an event of a span."""
        if dropped >= 1 << 32:
            raise UnusualError
        return self._make_span_event(
            name=name, time_unix_nano=time, attributes=attributes, dropped_attributes_count=dropped
        )

    cdef int _append(self, tuple names, tuple values) except -1:
        """Make an event; a call without a dict for its arguments."""
        self.events.append(
            PyObject_Vectorcall(self._make_event, &(<PyTupleObject*>values).ob_item[0], 0, names)
        )
        return 0
