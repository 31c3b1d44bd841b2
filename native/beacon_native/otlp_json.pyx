# cython: language_level=3
"""Reads OTLP requests in JSON that hold nothing unusual.

What is unusual - a member that is not known here or is there twice, null but as a body, an escape of half a character, text that is
not UTF-8, a number in a form that takes thought, an id of a wrong length, a span without a time, a resource behind
its records - is left to a reader that knows what is to be done about it: the answer is then None, whatever has been
read before. So all that stands here is the way of an ordinary request. Messages and members are those of
opentelemetry-proto 1.x in OTLP's JSON mapping (OTLP specification, "JSON Protobuf Encoding"); the grammar is RFC 8259's.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.math cimport isfinite
from libc.stdint cimport INT64_MAX, UINT32_MAX, UINT64_MAX, int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from beacon_native.otlp_records cimport MOST_LEVELS, Part, Records, add, content, text, whole

from beacon_native.otlp_records import UnusualError

include "json_grammar.pxi"
include "json_texts.pxi"
include "otlp_json_fields.pxi"


# ---- values ----


cdef object _value(Part* part, int level):
    """Return what an AnyValue holds."""
    cdef Members of = _members(part, &VALUE)
    cdef int field = _member(part, &of)
    cdef object found
    if field == VALUE_STRING:
        found = _text(part)
    elif field == VALUE_INT:
        found = _integer(part)
    elif field == VALUE_DOUBLE:
        found = _double(part)
    elif field == VALUE_BOOL:
        found = _bool(part)
    elif field == VALUE_ARRAY:
        found = _list(part, level)
    elif field == VALUE_MAP:
        found = _map(part, level)
    else:
        raise UnusualError
    _take(part, c"}")
    return found


cdef bint _is_empty(Part* part) noexcept:
    """Pass over an AnyValue that holds nothing, if it comes; inside of others it is unusual."""
    cdef Part ahead = part[0]
    if _next(&ahead) != c"{":
        return False
    ahead.at += 1
    if _next(&ahead) != c"}":
        return False
    part.at = ahead.at + 1
    return True


cdef list _list(Part* part, int level):
    """Return what an ArrayValue holds."""
    cdef Members of = _members(part, &VALUES)
    cdef bint begun = False
    cdef list found = []
    if level >= MOST_LEVELS:
        raise UnusualError
    if _member(part, &of) == NO_MEMBER:
        return found
    while _element(part, &begun):
        found.append(_value(part, level + 1))
    _take(part, c"}")
    return found


cdef dict _map(Part* part, int level):
    """Return what a KeyValueList holds."""
    cdef Members of = _members(part, &VALUES)
    cdef dict found = {}
    if level >= MOST_LEVELS:
        raise UnusualError
    if _member(part, &of) == NO_MEMBER:
        return found
    _add_pairs(part, found, level + 1)
    _take(part, c"}")
    return found


cdef int _add_pairs(Part* part, dict found, int level) except -1:
    """Add an array of KeyValues."""
    cdef bint begun = False
    cdef str key
    while _element(part, &begun):
        key = _key(part)
        add(found, key, _value(part, level))
        _take(part, c"}")
    return 0


cdef str _key(Part* part):
    """Return the key of a KeyValue and go to its value, which comes then."""
    cdef Members of = _members(part, &PAIR)
    cdef str key
    if _member(part, &of) != PAIR_KEY:
        raise UnusualError
    key = _text(part)
    if _member(part, &of) != PAIR_VALUE:
        raise UnusualError
    return key


# ---- requests ----


cdef class Reader(Records):
    """Reads one request; see `Records`."""

    cdef list _read(self, bint spans):
        cdef Part part = whole(self.body)
        cdef Members of
        cdef bint begun = False
        try:
            of = _members(&part, &SPANS_REQUEST if spans else &LOGS_REQUEST)
            if _member(&part, &of) == REQUEST_PARTS:
                while _element(&part, &begun):
                    self._resource_part(&part, spans)
                _take(&part, c"}")
            if _next(&part) or part.at != part.end:
                return None
        except UnusualError:
            return None
        return self.events or None

    cdef int _resource_part(self, Part* part, bint spans) except -1:
        """Read ResourceLogs or ResourceSpans; the resource comes before what belongs to it."""
        cdef Members of = _members(part, &RESOURCE_SPANS if spans else &RESOURCE_LOGS)
        cdef bint begun = False
        cdef int field
        cdef object resource = {}
        while True:
            field = _member(part, &of)
            if field == PART_OWNER and not begun:
                resource = self.resource(content(_passed_over(part)))
            elif field == PART_ITEMS:
                while _element(part, &begun):
                    self._scope_part(part, resource, spans)
            elif field == PART_SCHEMA_URL:
                _text(part)
            elif field == NO_MEMBER:
                return 0
            else:
                raise UnusualError

    cdef int _scope_part(self, Part* part, object resource, bint spans) except -1:
        """Read ScopeLogs or ScopeSpans, likewise."""
        cdef Members of = _members(part, &SCOPE_SPANS if spans else &SCOPE_LOGS)
        cdef Part records
        cdef Py_ssize_t before = len(self.events), untimed = self.untimed, empty = self.empty
        cdef int field
        cdef bytes owner = b""
        cdef str schema_url = ""
        records.at = NULL
        while True:
            field = _member(part, &of)
            if field == PART_OWNER and records.at == NULL:
                owner = content(_passed_over(part))
            elif field == PART_ITEMS:
                records = part[0]
                self._records(part, resource, self.scope(owner, schema_url), spans)
            elif field == PART_SCHEMA_URL:
                schema_url = _text(part)
                if schema_url and records.at != NULL:  # it mostly stands behind the records, and is mostly empty
                    del self.events[before:]
                    self.untimed, self.empty = untimed, empty
                    self._records(&records, resource, self.scope(owner, schema_url), spans)
            elif field == NO_MEMBER:
                break
            else:
                raise UnusualError
        if records.at == NULL:
            self.scope(owner, schema_url)
        return 0

    cdef int _records(self, Part* part, object resource, object scope, bint spans) except -1:
        cdef bint begun = False
        while _element(part, &begun):
            if spans:
                self._span(part, resource, scope)
            else:
                self._log(part, resource, scope)
        return 0

    cdef int _log(self, Part* part, object resource, object scope) except -1:
        cdef Members of = _members(part, &LOG)
        cdef uint64_t time = 0, observed = 0, severity = 0, dropped = 0, flags = 0
        cdef str severity_text = "", name = "", trace_id = "", span_id = ""
        cdef object body = None
        cdef int field
        self.row.begin()
        while True:
            field = _member(part, &of)
            if field == LOG_TIME:
                time = _unsigned(part, UINT64_MAX)
            elif field == LOG_OBSERVED:
                observed = _unsigned(part, UINT64_MAX)
            elif field == LOG_SEVERITY:
                severity = _digits(part)
            elif field == LOG_SEVERITY_TEXT:
                severity_text = self._severity_text(part)
            elif field == LOG_BODY:
                body = self._body_value(part)
            elif field == LOG_ATTRIBUTES:
                self._attributes(part)
            elif field == LOG_DROPPED:
                dropped = _unsigned(part, UINT32_MAX)
            elif field == LOG_FLAGS:
                flags = _unsigned(part, UINT32_MAX)
            elif field == LOG_TRACE_ID:
                trace_id = _identifier(part, 32)
            elif field == LOG_SPAN_ID:
                span_id = _identifier(part, 16)
            elif field == LOG_EVENT_NAME:
                name = _text(part)
            else:
                break
        self.add_log(
            name, time, observed, severity_text, severity, body, self.row.attributes(), resource, scope, trace_id,
            span_id, flags, dropped,
        )
        return 0

    cdef int _span(self, Part* part, object resource, object scope) except -1:
        cdef Members of = _members(part, &SPAN)
        cdef uint64_t start = 0, end = 0, kind = 0, code = 0, dropped = 0, flags = 0
        cdef uint64_t dropped_events = 0, dropped_links = 0
        cdef str name = "", trace_id = "", span_id = "", parent = "", state = "", message = ""
        cdef list events = []
        cdef int field
        self.row.begin()
        while True:
            field = _member(part, &of)
            if field == SPAN_TRACE_ID:
                trace_id = _identifier(part, 32)
            elif field == SPAN_SPAN_ID:
                span_id = _identifier(part, 16)
            elif field == SPAN_STATE:
                state = _text(part)
            elif field == SPAN_PARENT_ID:
                parent = _identifier(part, 16)
            elif field == SPAN_NAME:
                name = _text(part)
            elif field == SPAN_KIND:
                kind = _digits(part)
            elif field == SPAN_START:
                start = _unsigned(part, UINT64_MAX)
            elif field == SPAN_END:
                end = _unsigned(part, UINT64_MAX)
            elif field == SPAN_ATTRIBUTES:
                self._attributes(part)
            elif field == SPAN_DROPPED:
                dropped = _unsigned(part, UINT32_MAX)
            elif field == SPAN_EVENTS:
                self._add_span_events(part, events)
            elif field == SPAN_DROPPED_EVENTS:
                dropped_events = _unsigned(part, UINT32_MAX)
            elif field == SPAN_STATUS:
                message = _status(part, &code)
            elif field == SPAN_LINKS:
                _no_elements(part)
            elif field == SPAN_DROPPED_LINKS:
                dropped_links = _unsigned(part, UINT32_MAX)
            elif field == SPAN_FLAGS:
                flags = _unsigned(part, UINT32_MAX)
            else:
                break
        self.add_span(
            name, start, self.row.attributes(), resource, scope, trace_id, span_id, flags, dropped,
            self.span_part(parent, state, kind, end, code, message, events, dropped_events, dropped_links),
        )
        return 0

    cdef int _add_span_events(self, Part* part, list events) except -1:
        cdef bint begun = False
        while _element(part, &begun):
            events.append(self._span_event(part))
        return 0

    cdef object _span_event(self, Part* part):
        cdef Members of = _members(part, &SPAN_EVENT)
        cdef uint64_t time = 0, dropped = 0
        cdef str name = ""
        cdef dict attributes = {}
        cdef int field
        while True:
            field = _member(part, &of)
            if field == EVENT_TIME:
                time = _unsigned(part, UINT64_MAX)
            elif field == EVENT_NAME:
                name = _text(part)
            elif field == EVENT_ATTRIBUTES:
                _add_pairs(part, attributes, 0)
            elif field == EVENT_DROPPED:
                dropped = _unsigned(part, UINT32_MAX)
            else:
                return self.span_event(name, time, attributes, dropped)

    cdef int _attributes(self, Part* part) except -1:
        """Read the KeyValues of the record."""
        cdef bint begun = False
        cdef int place
        cdef const unsigned char* begin
        while _element(part, &begun):
            place = self.row.next()
            begin = part.at
            if not _again(part, self.row.keys[place]):
                self.row.name(_key(part))
                self.row.keys[place] = _since(begin, part)
            begin = part.at
            if _is_empty(part):
                self.empty += 1
                self.row.value(None)
                self.row.values[place].at = NULL
            elif not _again(part, self.row.values[place]):
                self.row.value(_value(part, 0))
                self.row.values[place] = _since(begin, part)
            _take(part, c"}")
        return 0

    cdef object _body_value(self, Part* part):
        cdef const unsigned char* begin = part.at
        if _next(part) == c"n" and _word(part, b"null", 4):
            return None
        if _is_empty(part):
            self.empty += 1
            return None
        if not _again(part, self.known_body):
            self.body_before = _value(part, 0)
            self.known_body = _since(begin, part)
        return self.body_before

    cdef str _severity_text(self, Part* part):
        cdef const unsigned char* begin = part.at
        if not _again(part, self.known_severity):
            self.severity_before = _text(part)
            self.known_severity = _since(begin, part)
        return self.severity_before


cdef Part _since(const unsigned char* begin, Part* part) noexcept:
    """Return what has been read."""
    cdef Part found
    found.at, found.end = begin, part.at
    return found


cdef int _no_elements(Part* part) except -1:
    _take(part, c"[")
    return _take(part, c"]")


cdef str _status(Part* part, uint64_t* code):
    """Return the message of a Status, and find its code."""
    cdef Members of = _members(part, &STATUS)
    cdef int field
    cdef str message = ""
    while True:
        field = _member(part, &of)
        if field == STATUS_CODE:
            code[0] = _digits(part)
        elif field == STATUS_MESSAGE:
            message = _text(part)
        else:
            return message
