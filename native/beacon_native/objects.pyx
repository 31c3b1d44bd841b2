# cython: language_level=3
"""Writes records as JSON objects of one form, a line each, with their attributes as flat text.

What an object consists of is told as pieces: bytes that stand there as they are, and members of the record. Only records
that hold nothing unusual are written. What is unusual - a name that is there twice, an integer beyond 64 bits, bytes, text
that UTF-8 cannot say - ends the run of records before it, and another writer has to look at it.

All that is written goes through `_Text`, which sees to it that there is room.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, strlen

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    char* PyOS_double_to_string(double value, char code, int precision, int flags, int* kind) except NULL
    long long PyLong_AsLongLongAndOverflow(object value, int* overflow) except? -1
    PyObject* PyDict_GetItemWithError(object mapping, object key) except? NULL
    int Py_DTSF_ADD_DOT_0

cdef enum:
    MOST_LEVELS = 32  # of maps in maps
    LONGEST_NUMBER = 20  # characters of an integer of 64 bits

    CONSTANT = 0
    SECONDS = 1
    TEXT = 2
    DIGITS = 3
    CONTENT = 4
    FLAT = 5
    ABSENT = 6

cdef dict KINDS = {
    "seconds": SECONDS, "text": TEXT, "digits": DIGITS, "content": CONTENT, "flat": FLAT, "absent": ABSENT,
}
cdef const char* SHORT = b'btn?fr'  # what stands for the characters from 8 to 13 behind a backslash
cdef const char* HEX = b"0123456789abcdef"
cdef uint64_t ONES = 0x0101010101010101ULL
cdef uint64_t HIGH = 0x8080808080808080ULL


class UnusualError(Exception):
    """Something that another writer has to look at."""


cdef inline uint64_t _below(uint64_t eight, uint64_t limit) noexcept:
    """Return not 0 if one of eight bytes is below a limit, which is 128 at most."""
    return (eight - ONES * limit) & ~eight & HIGH


cdef inline bint _is_plain(unsigned char one) noexcept:
    """Say whether a byte stands in a JSON text as it is."""
    return one >= 32 and one != c'"' and one != c"\\"


cdef Py_ssize_t _plain_bytes(const char* some, Py_ssize_t size) noexcept:
    """Return how many bytes from the beginning on stand in a JSON text as they are."""
    cdef Py_ssize_t at = 0
    cdef uint64_t eight
    while size - at >= 8:
        memcpy(&eight, some + at, 8)
        if _below(eight, 32) | _below(eight ^ (ONES * c'"'), 1) | _below(eight ^ (ONES * c"\\"), 1):
            break
        at += 8
    while at < size and _is_plain(<unsigned char>some[at]):
        at += 1
    return at


@cython.final
cdef class _Text:
    """Bytes that grow."""

    cdef char* start
    cdef Py_ssize_t size
    cdef Py_ssize_t room

    def __cinit__(self):
        self.start, self.size, self.room = NULL, 0, 0

    def __dealloc__(self):
        PyMem_Free(self.start)

    cdef char* reserve(self, Py_ssize_t more) except NULL:
        """Return where the next bytes go; there is room for so many of them then."""
        cdef char* start
        if self.start == NULL or self.room - self.size < more:
            start = <char*>PyMem_Realloc(self.start, 2 * self.room + more + 1024)
            if start == NULL:
                raise MemoryError
            self.start = start
            self.room = 2 * self.room + more + 1024
        return self.start + self.size

    cdef int put(self, const char* some, Py_ssize_t size) except -1:
        memcpy(self.reserve(size), some, size)
        self.size += size
        return 0

    cdef int add(self, bytes some) except -1:
        return self.put(PyBytes_AS_STRING(some), PyBytes_GET_SIZE(some))

    cdef int byte(self, char one) except -1:
        self.reserve(1)[0] = one
        self.size += 1
        return 0

    cdef int begin(self, bytes name) except -1:
        """Begin a member: a comma, unless it is the first one of its object, and its name."""
        if self.size and self.start[self.size - 1] != c"{":
            self.byte(c",")
        return self.add(name)

    cdef int quoted(self, str text) except -1:
        """Add a text in quotes."""
        cdef Py_ssize_t size, at, plain
        cdef const char* some = PyUnicode_AsUTF8AndSize(text, &size)
        self.byte(c'"')
        at = _plain_bytes(some, size)
        self.put(some, at)
        while at < size:
            self.escape(<unsigned char>some[at])
            at += 1
            plain = _plain_bytes(some + at, size - at)
            self.put(some + at, plain)
            at += plain
        return self.byte(c'"')

    cdef int escape(self, unsigned char one) except -1:
        """Add a byte that JSON wants a backslash for."""
        cdef char* target = self.reserve(6)
        target[0] = c"\\"
        if one >= 32 or (8 <= one <= 13 and one != 11):
            target[1] = one if one >= 32 else SHORT[one - 8]
            self.size += 2
            return 0
        memcpy(target + 1, b"u00", 3)
        target[4] = HEX[one >> 4]
        target[5] = HEX[one & 15]
        self.size += 6
        return 0

    cdef int number(self, int64_t value, int digits) except -1:
        """Add an integer, with so many digits at least."""
        cdef char reverse[LONGEST_NUMBER]
        cdef int count = 0
        cdef uint64_t rest = <uint64_t>value if value >= 0 else 0 - <uint64_t>value
        cdef char* target = self.reserve(LONGEST_NUMBER + 1)
        while rest or count < digits:
            reverse[count] = <char>(c"0" + rest % 10)
            rest //= 10
            count += 1
        if value < 0:
            self.byte(c"-")
        while count:
            count -= 1
            self.byte(reverse[count])
        return 0

    cdef int real(self, double value) except -1:
        """Add a float as `repr` shows it."""
        cdef char* shown = PyOS_double_to_string(value, c"r", 0, Py_DTSF_ADD_DOT_0, NULL)
        try:
            return self.put(shown, strlen(shown))
        finally:
            PyMem_Free(shown)


cdef int64_t _integer(object value) except? -1:
    cdef int overflow
    cdef int64_t found
    if type(value) is not int:
        raise UnusualError
    found = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        raise UnusualError
    return found


@cython.final
cdef class _Name:
    """The name of an attribute, or of a member of one that is a map."""

    cdef str path  # with a dot between each map and its members; empty if another writer has to look at the attribute
    cdef bytes before  # what is written before the value
    cdef int64_t latest  # the record that has it last
    cdef dict members
    cdef bint is_renamed

    def __cinit__(self, str path, str field):
        cdef _Text text = _Text()
        text.quoted(field)
        text.byte(c":")
        self.path = path
        self.before = text.start[:text.size]
        self.latest = 0
        self.members = {}
        self.is_renamed = path != field


@cython.final
cdef class _Piece:
    cdef int kind
    cdef bytes before  # or what it is altogether
    cdef tuple members

    def __cinit__(self, piece):
        if type(piece) is bytes:
            self.kind, self.before, self.members = CONSTANT, piece, ()
        else:
            self.kind = KINDS[piece[0]]
            self.before = _Name(piece[1], piece[1]).before
            self.members = piece[2:]


cdef class Form:
    """Writes records of one form. Not for several threads.

    Args:
        pieces: what an object consists of, in order: bytes, or `(kind, name, member of the record ...)`.
        field: returns the name that an attribute has in the object, empty if another writer has to look at it.
        taken: names that no attribute may have there, because something else has them already.
    """

    cdef list pieces
    cdef object field
    cdef frozenset taken
    cdef dict names  # of attributes
    cdef dict fields  # all names, by what is written
    cdef int64_t record
    cdef _Text text

    def __cinit__(self, pieces, field, taken):
        self.pieces = [_Piece(piece) for piece in pieces]
        self.field = field
        self.taken = frozenset(taken)
        self.names = {}
        self.fields = {}
        self.record = 0
        self.text = _Text()

    def write(self, bytearray text not None, tuple records not None, Py_ssize_t first, Py_ssize_t largest):
        """Append records, from the first one on, until one is unusual, or of another resource, or too large.

        Returns:
            The sizes of those that were written, without the line feed before each but the first of a text.
        """
        cdef list sizes = []
        cdef Py_ssize_t position, before
        cdef object resource = None, record
        cdef _Text own = self.text
        own.size = 0
        for position in range(first, len(records)):
            record = records[position]
            if resource is None:
                resource = record.resource
            elif record.resource is not resource:
                break
            before = own.size
            if before or PyByteArray_GET_SIZE(text):
                own.byte(c"\n")
            try:
                sizes.append(self._write(record, largest))
            except (UnusualError, UnicodeEncodeError):
                own.size = before
                break
        _append(text, own)
        return sizes

    cdef Py_ssize_t _write(self, object record, Py_ssize_t largest) except -1:
        cdef Py_ssize_t before = self.text.size
        cdef _Piece piece
        self.record += 1
        for piece in self.pieces:
            if piece.kind == CONSTANT:
                self.text.add(piece.before)
            else:
                self._member(piece, record)
        if self.text.size - before > largest:
            raise UnusualError
        return self.text.size - before

    cdef int _member(self, _Piece piece, object record) except -1:
        cdef object value = getattr(record, piece.members[0])
        if piece.kind == FLAT:
            return self._flat(value)
        if piece.kind == ABSENT:
            if value is not None:
                raise UnusualError
            return 0
        if (piece.kind == TEXT and value == "") or (piece.kind == DIGITS and value == 0):
            return 0
        self.text.begin(piece.before)
        if piece.kind == TEXT:
            return self._text(value)
        if piece.kind == DIGITS:
            return self._digits(_integer(value))
        if piece.kind == SECONDS:
            return self._seconds(_integer(value))
        return self._content(value, piece, record)

    cdef int _text(self, object value) except -1:
        if type(value) is not str:
            raise UnusualError
        return self.text.quoted(<str>value)

    cdef int _digits(self, int64_t value) except -1:
        self.text.byte(c'"')
        self.text.number(value, 1)
        return self.text.byte(c'"')

    cdef int _seconds(self, int64_t nanoseconds) except -1:
        if nanoseconds < 0:
            raise UnusualError
        self.text.byte(c'"')
        self.text.number(nanoseconds // 1000000000, 1)
        self.text.byte(c".")
        self.text.number(nanoseconds % 1000000000, 9)
        return self.text.byte(c'"')

    cdef int _content(self, object value, _Piece piece, object record) except -1:
        """Write the first member that is there: text without white space at its ends."""
        cdef Py_ssize_t number = 1
        while (value is None or value == "") and number < len(piece.members):
            value = getattr(record, piece.members[number])
            number += 1
        if type(value) is not str or not value or (<str>value)[0].isspace() or (<str>value)[-1].isspace():
            raise UnusualError
        return self.text.quoted(<str>value)

    # ---- attributes ----

    cdef int _flat(self, object attributes) except -1:
        cdef object key, value
        if type(attributes) is not dict:
            raise UnusualError
        for key, value in (<dict>attributes).items():
            self._attribute(self._name(key, None), value, 0)
        return 0

    cdef int _attribute(self, _Name name, object value, int level) except -1:
        """Write an attribute: a map as its members, what is empty not at all, anything else as text."""
        if type(value) is str:
            self._begin(name)
            return self.text.quoted(<str>value)
        if type(value) is dict:
            return self._members(name, <dict>value, level)
        if value is None or (type(value) is list and not value):
            return self._note(name)
        self._begin(name)
        if type(value) is list:
            return self._list(<list>value)
        self.text.byte(c'"')
        if type(value) is int:
            self.text.number(_integer(value), 1)
        elif type(value) is float:
            self.text.real(<double>value)
        elif type(value) is bool:
            self.text.add(b"true" if value else b"false")
        else:
            raise UnusualError
        return self.text.byte(c'"')

    cdef int _members(self, _Name name, dict members, int level) except -1:
        cdef object key, value
        if level == MOST_LEVELS or name.is_renamed:
            raise UnusualError
        for key, value in members.items():
            self._attribute(self._name(key, name), value, level + 1)
        return 0

    cdef _Name _name(self, object key, _Name parent):
        """Return an attribute's name, or that of a member of a map."""
        cdef dict known = self.names if parent is None else parent.members
        cdef PyObject* found
        cdef _Name name
        if type(key) is not str:
            raise UnusualError
        found = PyDict_GetItemWithError(known, key)
        name = <_Name>found if found != NULL else self._new_name(<str>key, parent)
        if name.before is None:
            raise UnusualError
        return name

    cdef _Name _new_name(self, str key, _Name parent):
        cdef str path = key if parent is None else f"{parent.path}.{key}"
        cdef str field = self.field(path)
        cdef _Name name = self.fields.get(field)
        if name is None:
            name = _Name(path, field)
            if not field or field in self.taken:
                name.before = None
            self.fields[field] = name
        elif name.path != path:
            raise UnusualError
        (self.names if parent is None else parent.members)[key] = name
        return name

    cdef int _begin(self, _Name name) except -1:
        self._note(name)
        return self.text.begin(name.before)

    cdef int _note(self, _Name name) except -1:
        """Note that an attribute is there; of two with one name, another writer knows which counts."""
        if name.latest == self.record:
            raise UnusualError
        name.latest = self.record
        return 0

    cdef int _list(self, list values) except -1:
        cdef object value
        cdef bint is_first = True
        self.text.byte(c"[")
        for value in values:
            if not is_first:
                self.text.byte(c",")
            is_first = False
            self._text(value)
        return self.text.byte(c"]")


cdef int _append(bytearray text, _Text more) except -1:
    cdef Py_ssize_t before = PyByteArray_GET_SIZE(text)
    if more.size:
        PyByteArray_Resize(text, before + more.size)
        memcpy(PyByteArray_AS_STRING(text) + before, more.start, more.size)
    return 0
