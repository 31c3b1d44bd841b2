# JSON text that is written, for objects.pyx, which includes this file.

cdef const char* SHORT = b'btn?fr'  # what stands for the characters from 8 to 13 behind a backslash
cdef const char* HEX = b"0123456789abcdef"
cdef uint64_t ONES = 0x0101010101010101ULL
cdef uint64_t HIGH = 0x8080808080808080ULL


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
