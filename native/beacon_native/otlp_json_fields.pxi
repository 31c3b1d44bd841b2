# The fields of OTLP's messages in JSON for otlp_json.pyx, which includes this file.
#
# The number of a field is its place in the tuple of names. They stand in the order in which most programs write them.

cdef enum:
    REQUEST_PARTS
cdef enum:  # of what belongs to a resource, and of what belongs to a scope in it
    PART_OWNER, PART_ITEMS, PART_SCHEMA_URL
cdef enum:
    LOG_TIME, LOG_OBSERVED, LOG_SEVERITY, LOG_SEVERITY_TEXT, LOG_BODY, LOG_ATTRIBUTES, LOG_DROPPED, LOG_FLAGS
    LOG_TRACE_ID, LOG_SPAN_ID, LOG_EVENT_NAME
cdef enum:
    SPAN_TRACE_ID, SPAN_SPAN_ID, SPAN_STATE, SPAN_PARENT_ID, SPAN_NAME, SPAN_KIND, SPAN_START, SPAN_END
    SPAN_ATTRIBUTES, SPAN_DROPPED, SPAN_EVENTS, SPAN_DROPPED_EVENTS, SPAN_STATUS, SPAN_LINKS, SPAN_DROPPED_LINKS
    SPAN_FLAGS
cdef enum:
    EVENT_TIME, EVENT_NAME, EVENT_ATTRIBUTES, EVENT_DROPPED
cdef enum:
    STATUS_CODE, STATUS_MESSAGE
cdef enum:
    PAIR_KEY, PAIR_VALUE
cdef enum:
    VALUE_STRING, VALUE_INT, VALUE_DOUBLE, VALUE_BOOL, VALUE_ARRAY, VALUE_MAP

cdef tuple NAMES = (
    (b'"resourceLogs"',),
    (b'"resourceSpans"',),
    (b'"resource"', b'"scopeLogs"', b'"schemaUrl"'),
    (b'"resource"', b'"scopeSpans"', b'"schemaUrl"'),
    (b'"scope"', b'"logRecords"', b'"schemaUrl"'),
    (b'"scope"', b'"spans"', b'"schemaUrl"'),
    (
        b'"timeUnixNano"', b'"observedTimeUnixNano"', b'"severityNumber"', b'"severityText"', b'"body"',
        b'"attributes"', b'"droppedAttributesCount"', b'"flags"', b'"traceId"', b'"spanId"', b'"eventName"',
    ),
    (
        b'"traceId"', b'"spanId"', b'"traceState"', b'"parentSpanId"', b'"name"', b'"kind"', b'"startTimeUnixNano"',
        b'"endTimeUnixNano"', b'"attributes"', b'"droppedAttributesCount"', b'"events"', b'"droppedEventsCount"',
        b'"status"', b'"links"', b'"droppedLinksCount"', b'"flags"',
    ),
    (b'"timeUnixNano"', b'"name"', b'"attributes"', b'"droppedAttributesCount"'),
    (b'"code"', b'"message"'),
    (b'"key"', b'"value"'),
    (
        b'"stringValue"', b'"intValue"', b'"doubleValue"', b'"boolValue"', b'"arrayValue"', b'"kvlistValue"',
    ),
    (b'"values"',),
)
cdef Fields LOGS_REQUEST = _fields(NAMES[0])
cdef Fields SPANS_REQUEST = _fields(NAMES[1])
cdef Fields RESOURCE_LOGS = _fields(NAMES[2])
cdef Fields RESOURCE_SPANS = _fields(NAMES[3])
cdef Fields SCOPE_LOGS = _fields(NAMES[4])
cdef Fields SCOPE_SPANS = _fields(NAMES[5])
cdef Fields LOG = _fields(NAMES[6])
cdef Fields SPAN = _fields(NAMES[7])
cdef Fields SPAN_EVENT = _fields(NAMES[8])
cdef Fields STATUS = _fields(NAMES[9])
cdef Fields PAIR = _fields(NAMES[10])
cdef Fields VALUE = _fields(NAMES[11])
cdef Fields VALUES = _fields(NAMES[12])
