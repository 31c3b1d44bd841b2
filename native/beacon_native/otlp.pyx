# cython: language_level=3
"""Reads OTLP requests in protobuf that hold nothing unusual.

What is unusual - a field that is not known here, a message cut short, text that is not UTF-8, an id of a wrong length, a
span without a time, a key that is there twice - is left to a reader that knows what is to be done about it: the answer
is then None, whatever has been read before. So all that stands here is the way of an ordinary request. Messages and
fields are those of opentelemetry-proto 1.x; the wire format is "Encoding" of the protobuf documentation.
"""

from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from beacon_native.otlp_records cimport MOST_LEVELS, Part, Records, add, content, same, text, whole

from beacon_native.otlp_records import UnusualError

include "protobuf_wire.pxi"


cdef str _identifier(Part part, int size):
    """Return a trace or span id in hexadecimal, of all zeros nothing."""
    cdef char digits[32]
    cdef int place
    cdef unsigned char byte, every = 0
    if part.at == part.end:
        return ""
    if not part.end - part.at == size <= 16:
        raise UnusualError
    for place in range(size):
        byte = part.at[place]
        every |= byte
        digits[2 * place] = b"0123456789abcdef"[byte >> 4]
        digits[2 * place + 1] = b"0123456789abcdef"[byte & 15]
    return PyUnicode_DecodeASCII(digits, 2 * size, NULL) if every else ""


cdef object _value(Part part, int level):
    """Return what an AnyValue holds; None if nothing."""
    cdef int tag
    cdef uint64_t number
    cdef double real
    cdef object found
    if part.at == part.end:
        return None
    tag = _tag(&part)
    if tag == (1 << 3 | LENGTH):
        found = text(_part(&part))
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
        found = content(_part(&part))
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
        if _tag(&part) != (1 << 3 | LENGTH):
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
        if _tag(&part) != (1 << 3 | LENGTH):
            raise UnusualError
        _pair(_part(&part), &key, &value)
        add(found, text(key), _value(value, level + 1))
    return found


cdef int _pair(Part part, Part* key, Part* value) except -1:
    """Find the key and the value of a KeyValue; what is not there is empty."""
    cdef int tag
    key.at = key.end = value.at = value.end = part.end
    while part.at < part.end:
        tag = _tag(&part)
        if tag == (1 << 3 | LENGTH) and key.at == part.end:
            key[0] = _part(&part)
        elif tag == (2 << 3 | LENGTH) and value.at == part.end:
            value[0] = _part(&part)
        else:
            raise UnusualError
    return 0


cdef class Reader(Records):
    """Reads one request; see `Records`."""

    cdef list _read(self, bint spans):
        cdef Part part = whole(self.body)
        try:
            while part.at < part.end:
                if _tag(&part) != (1 << 3 | LENGTH):
                    return None
                self._resource_part(_part(&part), spans)
        except UnusualError:
            return None
        return self.events or None

    cdef int _resource_part(self, Part part, bint spans) except -1:
        """Read ResourceLogs or ResourceSpans: the resource first, wherever it stands."""
        cdef Part rest = part, found
        cdef int tag
        cdef object resource = None
        while rest.at < rest.end:
            tag = _tag(&rest)
            found = _part(&rest)
            if tag == (1 << 3 | LENGTH) and resource is None:
                resource = self.resource(content(found))
            elif tag == (3 << 3 | LENGTH):
                text(found)
            elif tag != (2 << 3 | LENGTH):
                raise UnusualError
        if resource is None:
            resource = {}
        while part.at < part.end:
            tag = _tag(&part)
            found = _part(&part)
            if tag == (2 << 3 | LENGTH):
                self._scope_part(found, resource, spans)
        return 0

    cdef int _scope_part(self, Part part, object resource, bint spans) except -1:
        """Read ScopeLogs or ScopeSpans: the scope first, likewise."""
        cdef Part rest = part, found
        cdef int tag
        cdef object scope = None
        cdef str schema_url = ""
        while rest.at < rest.end:
            tag = _tag(&rest)
            found = _part(&rest)
            if tag == (1 << 3 | LENGTH) and scope is None:
                scope = content(found)
            elif tag == (3 << 3 | LENGTH):
                schema_url = text(found)
            elif tag != (2 << 3 | LENGTH):
                raise UnusualError
        scope = self.scope(scope or b"", schema_url)
        while part.at < part.end:
            tag = _tag(&part)
            found = _part(&part)
            if tag == (2 << 3 | LENGTH) and spans:
                self._span(found, resource, scope)
            elif tag == (2 << 3 | LENGTH):
                self._log(found, resource, scope)
        return 0

    cdef int _log(self, Part part, object resource, object scope) except -1:
        cdef int tag
        cdef uint64_t time = 0, observed = 0, severity = 0, dropped = 0, flags = 0
        cdef str severity_text = "", name = "", trace_id = "", span_id = ""
        cdef object body = None
        cdef bint has_body = False
        self.row.begin()
        while part.at < part.end:
            tag = _tag(&part)
            if tag == (6 << 3 | LENGTH):
                self._attribute(_part(&part))
            elif tag == (1 << 3 | FIXED64):
                time = _fixed(&part, 8)
            elif tag == (11 << 3 | FIXED64):
                observed = _fixed(&part, 8)
            elif tag == (2 << 3 | VARINT):
                severity = _varint(&part)
            elif tag == (3 << 3 | LENGTH):
                severity_text = self._severity_text(_part(&part))
            elif tag == (5 << 3 | LENGTH) and not has_body:
                has_body, body = True, self._body_value(_part(&part))
            elif tag == (7 << 3 | VARINT):
                dropped = _varint(&part)
            elif tag == (8 << 3 | FIXED32):
                flags = _fixed(&part, 4)
            elif tag == (9 << 3 | LENGTH):
                trace_id = _identifier(_part(&part), 16)
            elif tag == (10 << 3 | LENGTH):
                span_id = _identifier(_part(&part), 8)
            elif tag == (12 << 3 | LENGTH):
                name = text(_part(&part))
            else:
                raise UnusualError
        self.add_log(
            name, time, observed, severity_text, severity, body, self.row.attributes(), resource, scope, trace_id,
            span_id, flags, dropped,
        )
        return 0

    cdef int _span(self, Part part, object resource, object scope) except -1:
        cdef int tag
        cdef uint64_t start = 0, end = 0, kind = 0, code = 0, dropped = 0, flags = 0
        cdef uint64_t dropped_events = 0, dropped_links = 0
        cdef str name = "", trace_id = "", span_id = "", parent = "", state = "", message = ""
        cdef bint has_status = False
        cdef list events = []
        self.row.begin()
        while part.at < part.end:
            tag = _tag(&part)
            if tag == (9 << 3 | LENGTH):
                self._attribute(_part(&part))
            elif tag == (1 << 3 | LENGTH):
                trace_id = _identifier(_part(&part), 16)
            elif tag == (2 << 3 | LENGTH):
                span_id = _identifier(_part(&part), 8)
            elif tag == (3 << 3 | LENGTH):
                state = text(_part(&part))
            elif tag == (4 << 3 | LENGTH):
                parent = _identifier(_part(&part), 8)
            elif tag == (5 << 3 | LENGTH):
                name = text(_part(&part))
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
                has_status, message = True, _status(_part(&part), &code)
            elif tag == (16 << 3 | FIXED32):
                flags = _fixed(&part, 4)
            else:  # links among them
                raise UnusualError
        self.add_span(
            name, start, self.row.attributes(), resource, scope, trace_id, span_id, flags, dropped,
            self.span_part(parent, state, kind, end, code, message, events, dropped_events, dropped_links),
        )
        return 0

    cdef object _span_event(self, Part part):
        cdef int tag
        cdef uint64_t time = 0, dropped = 0
        cdef str name = ""
        cdef dict attributes = {}
        cdef Part key, value
        while part.at < part.end:
            tag = _tag(&part)
            if tag == (1 << 3 | FIXED64):
                time = _fixed(&part, 8)
            elif tag == (2 << 3 | LENGTH):
                name = text(_part(&part))
            elif tag == (3 << 3 | LENGTH):
                _pair(_part(&part), &key, &value)
                add(attributes, text(key), _value(value, 0))
            elif tag == (4 << 3 | VARINT):
                dropped = _varint(&part)
            else:
                raise UnusualError
        return self.span_event(name, time, attributes, dropped)

    cdef int _attribute(self, Part part) except -1:
        """Read a KeyValue of the record."""
        cdef Part key, value
        cdef int place = self.row.next()
        _pair(part, &key, &value)
        if not same(key, self.row.keys[place]):
            self.row.name(text(key))
            self.row.keys[place] = key
        if not same(value, self.row.values[place]):
            self.row.value(_value(value, 0))
            self.row.values[place] = value
        return 0

    cdef object _body_value(self, Part part):
        if not same(part, self.known_body):
            self.body_before = _value(part, 0)
            self.known_body = part
        return self.body_before

    cdef str _severity_text(self, Part part):
        if not same(part, self.known_severity):
            self.severity_before = text(part)
            self.known_severity = part
        return self.severity_before


cdef str _status(Part part, uint64_t* code):
    """Return the message of a Status, and find its code."""
    cdef int tag
    cdef str message = ""
    while part.at < part.end:
        tag = _tag(&part)
        if tag == (2 << 3 | LENGTH):
            message = text(_part(&part))
        elif tag == (3 << 3 | VARINT):
            code[0] = _varint(&part)
        else:
            raise UnusualError
    return message


def attributes(bytes body not None, int field):
    """Return the attributes of a message that has them in `field`: of a Resource 1, of an InstrumentationScope 3.

    Returns:
        The attributes and, of an InstrumentationScope, its name and version.

    Raises:
        UnusualError: if something is.
    """
    cdef Part part = whole(body), key, value
    cdef int tag
    cdef dict found = {}
    cdef str name = "", version = ""
    while part.at < part.end:
        tag = _tag(&part)
        if tag == (field << 3 | LENGTH):
            _pair(_part(&part), &key, &value)
            add(found, text(key), _value(value, 0))
        elif tag == ((field + 1) << 3 | VARINT):
            _varint(&part)  # how many were dropped
        elif field == 3 and tag == (1 << 3 | LENGTH):
            name = text(_part(&part))
        elif field == 3 and tag == (2 << 3 | LENGTH):
            version = text(_part(&part))
        else:
            raise UnusualError
    return found, name, version
