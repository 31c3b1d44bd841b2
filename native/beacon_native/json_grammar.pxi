# The grammar of JSON for otlp_json.pyx, which includes this file: bytes, numbers, members of objects, elements of arrays.
# Texts are in json_texts.pxi. Whatever looks at a byte looks first whether one is left.

cdef extern from "Python.h":
    double PyOS_string_to_double(const char* digits, char** rest, object overflow) except? -1.0

cdef enum:
    NO_MEMBER = -1  # an object has no more of them
    MOST_FIELDS = 16  # of a message
    MOST_BRACKETS = 64  # in what is passed over
    SPACE = 32


# ---- bytes ----


cdef inline unsigned char _next(Part* part) noexcept:
    """Pass over white space and return the byte that comes then; 0 if none does, which JSON does not have."""
    cdef unsigned char byte
    while part.at < part.end:
        byte = part.at[0]
        if byte > SPACE:
            return byte
        if byte != c" " and byte != c"\n" and byte != c"\r" and byte != c"\t":
            return 0
        part.at += 1
    return 0


cdef inline int _take(Part* part, unsigned char byte) except -1:
    """Pass over a byte that has to come, and white space before it."""
    if _next(part) != byte:
        raise UnusualError
    part.at += 1
    return 0


cdef inline bint _again(Part* part, Part known) noexcept:
    """Pass over what equals something known, if it comes: something that ends where its brackets or quotes close."""
    cdef Py_ssize_t size = known.end - known.at
    if known.at == NULL or part.end - part.at < size or memcmp(part.at, known.at, size) != 0:
        return False
    part.at += size
    return True


cdef inline bint _word(Part* part, const char* word, Py_ssize_t size) noexcept:
    """Pass over a word, if it comes."""
    if part.end - part.at < size or memcmp(part.at, word, size) != 0:
        return False
    part.at += size
    return True


cdef bint _one_of(Part* part, unsigned char one, unsigned char other) noexcept:
    """Pass over a byte if it is one of two."""
    if part.at == part.end or (part.at[0] != one and part.at[0] != other):
        return False
    part.at += 1
    return True


cdef Part _passed_over(Part* part) except *:
    """Return an object without a closer look; it ends there if it is one."""
    cdef Part found
    cdef bint escaped
    cdef int brackets = 0
    cdef unsigned char byte = _next(part)
    found.at = part.at
    if byte != c"{":
        raise UnusualError
    while part.at < part.end:
        byte = part.at[0]
        if byte == c'"':
            _quoted(part, &escaped)
            continue
        part.at += 1
        if byte == c"{" or byte == c"[":
            brackets += 1
            if brackets > MOST_BRACKETS:
                raise UnusualError
        elif byte == c"}" or byte == c"]":
            brackets -= 1
            if brackets == 0:
                found.end = part.at
                return found
    raise UnusualError


# ---- numbers ----


cdef uint64_t _digits(Part* part) except? 0xFFFFFFFFFFFFFFFF:
    """Return a whole number in its only ordinary form: no sign, no zero before it."""
    cdef const unsigned char* begin = part.at
    cdef uint64_t value = 0
    cdef unsigned char digit
    while part.at < part.end and c"0" <= part.at[0] <= c"9":
        digit = part.at[0] - c"0"
        if value > (UINT64_MAX - digit) // 10:
            raise UnusualError
        value = 10 * value + digit
        part.at += 1
    if part.at == begin or (begin[0] == c"0" and part.at - begin > 1):
        raise UnusualError
    return value


cdef int _more_digits(Part* part) except -1:
    cdef const unsigned char* begin = part.at
    while part.at < part.end and c"0" <= part.at[0] <= c"9":
        part.at += 1
    if part.at == begin:
        raise UnusualError
    return 0


cdef uint64_t _unsigned(Part* part, uint64_t most) except? 0xFFFFFFFFFFFFFFFF:
    """Return a number that may stand in quotes."""
    cdef bint quoted = _next(part) == c'"'
    cdef uint64_t value
    if quoted:
        part.at += 1
    value = _digits(part)
    if value > most or (quoted and not _word(part, b'"', 1)):
        raise UnusualError
    return value


cdef object _integer(Part* part):
    """Return an integer of 64 bits, which may stand in quotes."""
    cdef bint quoted = _next(part) == c'"', negative
    cdef uint64_t value
    if quoted:
        part.at += 1
    negative = _word(part, b"-", 1)
    value = _digits(part)
    if value > <uint64_t>INT64_MAX or (negative and not value) or (quoted and not _word(part, b'"', 1)):
        raise UnusualError
    return -<int64_t>value if negative else <int64_t>value


cdef object _double(Part* part):
    """Return a number with or without fraction and exponent."""
    cdef const unsigned char* begin
    cdef char* rest
    cdef double value
    _next(part)
    begin = part.at
    _word(part, b"-", 1)
    if not _word(part, b"0", 1):
        _more_digits(part)
    if _word(part, b".", 1):
        _more_digits(part)
    if _one_of(part, c"e", c"E"):
        _one_of(part, c"+", c"-")
        _more_digits(part)
    # A request ends with a byte of 0, as all bytes of Python, so that this never reads beyond it.
    value = PyOS_string_to_double(<const char*>begin, &rest, UnusualError)
    if <const unsigned char*>rest != part.at or not isfinite(value):
        raise UnusualError
    return value


cdef object _bool(Part* part):
    if _next(part) == c"t" and _word(part, b"true", 4):
        return True
    if _word(part, b"false", 5):
        return False
    raise UnusualError


# ---- members ----


cdef struct Fields:  # of a message
    const char* names[MOST_FIELDS]  # in quotes
    Py_ssize_t sizes[MOST_FIELDS]
    int count


cdef struct Members:  # of the object that is being read
    const Fields* fields
    int expected  # the field that comes next, if they come in the usual order
    uint64_t seen  # a bit for each field


cdef Fields _fields(tuple names) except *:
    """Return fields from their names, which have to live as long."""
    cdef Fields fields
    cdef bytes name
    fields.count = 0
    for name in names:
        fields.names[fields.count] = name
        fields.sizes[fields.count] = len(name)
        fields.count += 1
    return fields


cdef Members _members(Part* part, const Fields* fields) except *:
    """Begin with an object."""
    cdef Members of
    _take(part, c"{")
    of.fields = fields
    of.expected = 0
    of.seen = 0
    return of


cdef int _member(Part* part, Members* of) except -2:
    """Go to the value of the next member and return its field; after the last one pass over the bracket."""
    cdef unsigned char byte = _next(part)
    cdef int field
    if byte == c"}":
        part.at += 1
        return NO_MEMBER
    if of.seen:
        _take(part, c",")
        _next(part)
    field = _field(part, of)
    if of.seen >> field & 1:
        raise UnusualError
    of.seen |= 1ULL << field
    of.expected = field + 1
    _take(part, c":")
    _next(part)
    return field


cdef int _field(Part* part, Members* of) except -2:
    """Pass over the name of a field, and return which it is."""
    cdef int field
    for field in range(of.expected, of.fields.count):
        if _word(part, of.fields.names[field], of.fields.sizes[field]):
            return field
    for field in range(of.expected):
        if _word(part, of.fields.names[field], of.fields.sizes[field]):
            return field
    raise UnusualError


cdef bint _element(Part* part, bint* begun) except -1:
    """Go to the next element of an array; after the last one pass over the bracket and return False."""
    cdef unsigned char byte
    if not begun[0]:
        begun[0] = True
        _take(part, c"[")
        if _next(part) != c"]":
            return True
    elif _next(part) == c",":
        part.at += 1
        _next(part)
        return True
    _take(part, c"]")
    return False
