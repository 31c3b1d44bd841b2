# cython: language_level=3
"""Reads OTLP requests in protobuf that hold nothing unusual.

What is unusual - a field that is not known here, a message cut short, text that is not UTF-8, an id of a wrong length, a
record without a time, a key that is there twice - is left to a reader that knows what is to be done about it: the answer
is then None, whatever has been read before. So all that stands here is the way of an ordinary request. Messages and
fields are those of opentelemetry-proto 1.x; the wire format is "Encoding" of the protobuf documentation.

Every byte is read by `_varint`, `_fixed` and `_part`, which look first how many are left.
"""

from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeASCII, PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from "Python.h":
    ctypedef struct PyTupleObject:
        PyObject* ob_item[1]
    object PyObject_Vectorcall(object callable, PyObject** arguments, size_t count, object names)

cdef enum:
    POSITIONS = 64  # attributes of a record, from the first on, that are compared with those of the record before
    MOST_LEVELS = 32  # of lists and maps

    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5

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


cdef struct Part:  # what has not been read yet of a message
    const unsigned char* at
    const unsigned char* end


cdef uint64_t _varint(Part* part) except? 0xFFFFFFFFFFFFFFFF:
    cdef uint64_t value = 0
    cdef unsigned int shift = 0
    cdef unsigned char byte
    while part.at < part.end and shift < 64:
        byte = part.at[0]
        part.at += 1
        value |= <uint64_t>(byte & 0x7F) << shift
        if byte < 0x80:
            if shift == 63 and byte > 1:
                break
            return value
        shift += 7
    raise UnusualError


cdef uint64_t _fixed(Part* part, int size) except? 0xFFFFFFFFFFFFFFFF:
    cdef uint64_t value = 0
    cdef int number
    if part.end - part.at < size:
        raise UnusualError
    for number in range(size):
        value |= <uint64_t>part.at[number] << (8 * number)
    part.at += size
    return value


cdef Part _part(Part* part) except *:
    """Return what has a length before it: a message, a text or bytes."""
    cdef Part found
    cdef uint64_t size = _varint(part)
    if size > <uint64_t>(part.end - part.at):
        raise UnusualError
    found.at = part.at
    found.end = part.at + size
    part.at = found.end
    return found


cdef str _text(Part part):
    try:
        return PyUnicode_DecodeUTF8(<const char*>part.at, part.end - part.at, NULL)
    except UnicodeDecodeError:
        raise UnusualError from None


cdef bytes _bytes(Part part):
    return (<const char*>part.at)[:part.end - part.at]


cdef bint _same(Part one, Part other) noexcept:
    cdef Py_ssize_t size = one.end - one.at
    return size == other.end - other.at and memcmp(one.at, other.at, size) == 0


cdef str _identifier(Part part, int size):
    """Return a trace or span id in hexadecimal, of all zeros nothing."""
    cdef char digits[32]
    cdef int place
    cdef unsigned char byte, every = 0
    if part.at == part.end:
        return ""
    if part.end - part.at != size or size > 16:
        raise UnusualError
    for place in range(size):
        byte = part.at[place]
        every |= byte
        digits[2 * place] = b"0123456789abcdef"[byte >> 4]
        digits[2 * place + 1] = b"0123456789abcdef"[byte & 15]
    return PyUnicode_DecodeASCII(digits, 2 * size, NULL) if every else ""


cdef object _small(uint64_t value, uint64_t most):
    if value > most:
        raise UnusualError
    return value


cdef object _value(Part part, int level):
    """Return what an AnyValue holds; None if nothing."""
    cdef uint64_t tag, number
    cdef double real
    cdef object found
    if part.at == part.end:
        return None
    tag = _varint(&part)
    if tag == (1 << 3 | LENGTH):
        found = _text(_part(&part))
    elif tag == (2 << 3 | VARINT):
        found = _varint(&part) != 0
    elif tag == (3 << 3 | VARINT):
        found = <int64_t>_varint(&part)
    elif tag == (4 << 3 | FIXED64):
        number = _fixed(&part, 8)
        memcpy(&real, &number, 8)
        found = real
    elif tag == (5 << 3 | LENGTH):
        found = _list(_part(&part), level)
    elif tag == (6 << 3 | LENGTH):
        found = _map(_part(&part), level)
    elif tag == (7 << 3 | LENGTH):
        found = _bytes(_part(&part))
    else:
        raise UnusualError
    if part.at != part.end:
        raise UnusualError
    return found


cdef list _list(Part part, int level):
    cdef list found = []
    if level >= MOST_LEVELS:
        raise UnusualError
    while part.at < part.end:
        if _varint(&part) != (1 << 3 | LENGTH):
            raise UnusualError
        found.append(_value(_part(&part), level + 1))
    return found


cdef dict _map(Part part, int level):
    """Return the KeyValues of a message that holds nothing else."""
    cdef dict found = {}
    cdef Part key, value
    if level >= MOST_LEVELS:
        raise UnusualError
    while part.at < part.end:
        if _varint(&part) != (1 << 3 | LENGTH):
            raise UnusualError
        _pair(_part(&part), &key, &value)
        _add(found, _text(key), _value(value, level + 1))
    return found


cdef int _pair(Part part, Part* key, Part* value) except -1:
    """Find the key and the value of a KeyValue; what is not there is empty."""
    cdef uint64_t tag
    key.at = key.end = value.at = value.end = part.end
    while part.at < part.end:
        tag = _varint(&part)
        if tag == (1 << 3 | LENGTH):
            key[0] = _part(&part)
        elif tag == (2 << 3 | LENGTH) and value.at == part.end:
            value[0] = _part(&part)
        else:
            raise UnusualError
    return 0


cdef int _add(dict found, str key, object value) except -1:
    cdef Py_ssize_t before = len(found)
    found[key] = value
    if len(found) == before:
        raise UnusualError
    return 0


cdef class _Rows:
    """Reads the attributes of records one after the other: what equals that of the record before is the same object.

    It is half of what reading costs otherwise, and what comes after compares, and hashes, fewer texts.
    """

    cdef Part keys[POSITIONS]
    cdef Part values[POSITIONS]
    cdef list names
    cdef list objects
    cdef int known  # positions that something is remembered of

    def __cinit__(self):
        self.names = [None] * POSITIONS
        self.objects = [None] * POSITIONS
        self.known = 0

    cdef int add(self, dict found, Part part) except -1:
        """Add a KeyValue to the attributes of the record that is being read."""
        cdef Part key, value
        cdef int position = <int>len(found)
        cdef bint known = position < self.known
        _pair(part, &key, &value)
        if position >= POSITIONS:
            return _add(found, _text(key), _value(value, 0))
        if not (known and _same(key, self.keys[position])):
            self.names[position] = _text(key)
            self.keys[position] = key
        if not (known and _same(value, self.values[position])):
            self.objects[position] = _value(value, 0)
            self.values[position] = value
        if not known:
            self.known = position + 1
        return _add(found, <str>self.names[position], self.objects[position])


cdef class Reader:
    """Reads one request.

    Args:
        body: the message.
        prefix: what the ids of events begin with, before their number.
        event: makes an event, from keyword arguments.
        span: makes what a span has beside, likewise.
        span_event: makes an event of a span, likewise.
        resource: returns the attributes of a Resource, from its bytes.
        scope: returns a scope, from the bytes of an InstrumentationScope and the URL of its schema.
    """

    cdef bytes body
    cdef str prefix
    cdef object event, span, span_event, resource, scope
    cdef list events
    cdef _Rows rows

    def __cinit__(self, bytes body not None, str prefix not None, *, event, span, span_event, resource, scope):
        self.body = body
        self.prefix = prefix
        self.event, self.span, self.span_event = event, span, span_event
        self.resource, self.scope = resource, scope
        self.rows = _Rows()

    def logs(self):
        """Return the events of an ExportLogsServiceRequest; None if it holds something unusual, or none."""
        return self._read(False)

    def spans(self):
        """Return the events of an ExportTraceServiceRequest, as above."""
        return self._read(True)

    cdef list _read(self, bint spans):
        cdef Part part
        part.at = <const unsigned char*><char*>self.body
        part.end = part.at + len(self.body)
        self.events = []
        try:
            while part.at < part.end:
                if _varint(&part) != (1 << 3 | LENGTH):
                    return None
                self._resource_part(_part(&part), spans)
        except UnusualError:
            return None
        return self.events or None

    cdef int _resource_part(self, Part part, bint spans) except -1:
        """Read ResourceLogs or ResourceSpans: the resource first, wherever it stands."""
        cdef Part rest = part, found
        cdef uint64_t tag
        cdef object resource = None
        while rest.at < rest.end:
            tag = _varint(&rest)
            found = _part(&rest)
            if tag == (1 << 3 | LENGTH) and resource is None:
                resource = self.resource(_bytes(found))
            elif tag == (3 << 3 | LENGTH):
                _text(found)
            elif tag != (2 << 3 | LENGTH):
                raise UnusualError
        if resource is None:
            resource = {}
        while part.at < part.end:
            tag = _varint(&part)
            found = _part(&part)
            if tag == (2 << 3 | LENGTH):
                self._scope_part(found, resource, spans)
        return 0

    cdef int _scope_part(self, Part part, object resource, bint spans) except -1:
        """Read ScopeLogs or ScopeSpans: the scope first, likewise."""
        cdef Part rest = part, found
        cdef uint64_t tag
        cdef object scope = None
        cdef str schema_url = ""
        while rest.at < rest.end:
            tag = _varint(&rest)
            found = _part(&rest)
            if tag == (1 << 3 | LENGTH) and scope is None:
                scope = _bytes(found)
            elif tag == (3 << 3 | LENGTH):
                schema_url = _text(found)
            elif tag != (2 << 3 | LENGTH):
                raise UnusualError
        scope = self.scope(scope or b"", schema_url)
        while part.at < part.end:
            tag = _varint(&part)
            found = _part(&part)
            if tag == (2 << 3 | LENGTH):
                if spans:
                    self._span(found, resource, scope)
                else:
                    self._log(found, resource, scope)
        return 0

    cdef int _log(self, Part part, object resource, object scope) except -1:
        cdef uint64_t tag, time = 0, observed = 0, severity = 0, dropped = 0, flags = 0
        cdef str severity_text = "", name = "", trace_id = "", span_id = ""
        cdef object body = None
        cdef bint has_body = False
        cdef dict attributes = {}
        while part.at < part.end:
            tag = _varint(&part)
            if tag == (6 << 3 | LENGTH):
                self.rows.add(attributes, _part(&part))
            elif tag == (1 << 3 | FIXED64):
                time = _fixed(&part, 8)
            elif tag == (11 << 3 | FIXED64):
                observed = _fixed(&part, 8)
            elif tag == (2 << 3 | VARINT):
                severity = _varint(&part)
            elif tag == (3 << 3 | LENGTH):
                severity_text = _text(_part(&part))
            elif tag == (5 << 3 | LENGTH) and not has_body:
                has_body, body = True, _value(_part(&part), 0)
            elif tag == (7 << 3 | VARINT):
                dropped = _varint(&part)
            elif tag == (8 << 3 | FIXED32):
                flags = _fixed(&part, 4)
            elif tag == (9 << 3 | LENGTH):
                trace_id = _identifier(_part(&part), 16)
            elif tag == (10 << 3 | LENGTH):
                span_id = _identifier(_part(&part), 8)
            elif tag == (12 << 3 | LENGTH):
                name = _text(_part(&part))
            else:
                raise UnusualError
        if not time or severity >= 1 << 31 or dropped >= 1 << 32:
            raise UnusualError
        if not name:
            named = attributes.get("event.name")
            name = named if type(named) is str else ""
        self._append(LOG_MEMBERS, (
            f"{self.prefix}{len(self.events)}", "log", name, time, observed, severity_text, severity, body, attributes,
            resource, scope, trace_id, span_id, flags, dropped,
        ))
        return 0

    cdef int _span(self, Part part, object resource, object scope) except -1:
        cdef uint64_t tag, start = 0, end = 0, kind = 0, dropped = 0, flags = 0, dropped_events = 0, dropped_links = 0
        cdef str name = "", trace_id = "", span_id = "", parent = "", state = "", code = "unset", message = ""
        cdef bint has_status = False
        cdef dict attributes = {}
        cdef list events = []
        while part.at < part.end:
            tag = _varint(&part)
            if tag == (9 << 3 | LENGTH):
                self.rows.add(attributes, _part(&part))
            elif tag == (1 << 3 | LENGTH):
                trace_id = _identifier(_part(&part), 16)
            elif tag == (2 << 3 | LENGTH):
                span_id = _identifier(_part(&part), 8)
            elif tag == (3 << 3 | LENGTH):
                state = _text(_part(&part))
            elif tag == (4 << 3 | LENGTH):
                parent = _identifier(_part(&part), 8)
            elif tag == (5 << 3 | LENGTH):
                name = _text(_part(&part))
            elif tag == (6 << 3 | VARINT):
                kind = _varint(&part)
            elif tag == (7 << 3 | FIXED64):
                start = _fixed(&part, 8)
            elif tag == (8 << 3 | FIXED64):
                end = _fixed(&part, 8)
            elif tag == (10 << 3 | VARINT):
                dropped = _varint(&part)
            elif tag == (11 << 3 | LENGTH):
                events.append(self._span_event(_part(&part)))
            elif tag == (12 << 3 | VARINT):
                dropped_events = _varint(&part)
            elif tag == (14 << 3 | VARINT):
                dropped_links = _varint(&part)
            elif tag == (15 << 3 | LENGTH) and not has_status:
                has_status = True
                code, message = _status(_part(&part))
            elif tag == (16 << 3 | FIXED32):
                flags = _fixed(&part, 4)
            else:  # links among them
                raise UnusualError
        if not start or kind >= <uint64_t>len(KINDS) or max(dropped, dropped_events, dropped_links) >= 1 << 32:
            raise UnusualError
        self._append(SPAN_MEMBERS, (
            f"{self.prefix}{len(self.events)}", "span", name, start, attributes, resource, scope, trace_id, span_id,
            flags, dropped,
            self.span(
                parent_span_id=parent, trace_state=state, kind=KINDS[kind], end_time_unix_nano=end, status_code=code,
                status_message=message, events=events, dropped_events_count=dropped_events,
                dropped_links_count=dropped_links,
            ),
        ))
        return 0

    cdef object _span_event(self, Part part):
        cdef uint64_t tag, time = 0, dropped = 0
        cdef str name = ""
        cdef dict attributes = {}
        cdef Part key, value
        while part.at < part.end:
            tag = _varint(&part)
            if tag == (1 << 3 | FIXED64):
                time = _fixed(&part, 8)
            elif tag == (2 << 3 | LENGTH):
                name = _text(_part(&part))
            elif tag == (3 << 3 | LENGTH):
                _pair(_part(&part), &key, &value)
                _add(attributes, _text(key), _value(value, 0))
            elif tag == (4 << 3 | VARINT):
                dropped = _varint(&part)
            else:
                raise UnusualError
        if dropped >= 1 << 32:
            raise UnusualError
        return self.span_event(
            name=name, time_unix_nano=time, attributes=attributes, dropped_attributes_count=dropped
        )

    cdef int _append(self, tuple names, tuple values) except -1:
        """Make an event; a call without a dict for its arguments."""
        self.events.append(
            PyObject_Vectorcall(self.event, &(<PyTupleObject*>values).ob_item[0], 0, names)
        )
        return 0


cdef tuple _status(Part part):
    cdef uint64_t tag, code = 0
    cdef str message = ""
    while part.at < part.end:
        tag = _varint(&part)
        if tag == (2 << 3 | LENGTH):
            message = _text(_part(&part))
        elif tag == (3 << 3 | VARINT):
            code = _varint(&part)
        else:
            raise UnusualError
    if code >= <uint64_t>len(CODES):
        raise UnusualError
    return CODES[code], message


def attributes(bytes body not None, int field):
    """Return the attributes of a message that has them in `field`: of a Resource 1, of an InstrumentationScope 3.

    Returns:
        The attributes and, of an InstrumentationScope, its name and version.

    Raises:
        UnusualError: if something is.
    """
    cdef Part part
    cdef Part key, value
    cdef uint64_t tag
    cdef dict found = {}
    cdef str name = "", version = ""
    part.at = <const unsigned char*><char*>body
    part.end = part.at + len(body)
    while part.at < part.end:
        tag = _varint(&part)
        if tag == <uint64_t>(field << 3 | LENGTH):
            _pair(_part(&part), &key, &value)
            _add(found, _text(key), _value(value, 0))
        elif tag == <uint64_t>((field + 1) << 3 | VARINT):
            _varint(&part)  # how many were dropped
        elif field == 3 and tag == (1 << 3 | LENGTH):
            name = _text(_part(&part))
        elif field == 3 and tag == (2 << 3 | LENGTH):
            version = _text(_part(&part))
        else:
            raise UnusualError
    return found, name, version
