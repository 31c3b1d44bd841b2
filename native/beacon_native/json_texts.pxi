# Texts in JSON for otlp_json.pyx, which includes this file after json_grammar.pxi.


cdef inline bint _odd(uint64_t eight) noexcept:
    """Tell whether one of eight bytes is a quote, a backslash or a control character; by the sign bits of sums."""
    cdef uint64_t ones = 0x0101010101010101, signs = 0x8080808080808080
    cdef uint64_t quotes = eight ^ (ones * 0x22), backslashes = eight ^ (ones * 0x5C)
    return ((
        (eight - ones * SPACE) & ~eight | (quotes - ones) & ~quotes | (backslashes - ones) & ~backslashes
    ) & signs) != 0


cdef inline void _ordinary(Part* part) noexcept:
    """Pass over characters of a text that stand for themselves."""
    cdef uint64_t eight
    cdef unsigned char byte
    while part.end - part.at >= 8:
        memcpy(&eight, part.at, 8)
        if _odd(eight):
            break
        part.at += 8
    while part.at < part.end:
        byte = part.at[0]
        if byte == c'"' or byte == c"\\" or byte < SPACE:
            return
        part.at += 1


cdef Part _quoted(Part* part, bint* escaped) except *:
    """Return what stands between quotes, and whether a backslash is in it."""
    cdef Part found
    _take(part, c'"')
    found.at = part.at
    escaped[0] = False
    while True:
        _ordinary(part)
        if part.end - part.at < 2:  # the last byte of a request is no quote
            raise UnusualError
        if part.at[0] == c'"':
            break
        if part.at[0] != c"\\":
            raise UnusualError
        escaped[0] = True
        part.at += 2
    found.end = part.at
    part.at += 1
    return found


cdef str _text(Part* part):
    cdef bint escaped
    cdef Part found = _quoted(part, &escaped)
    return _unescaped(found) if escaped else text(found)


cdef str _unescaped(Part part):
    """Return text that has escapes; as UTF-8 it is never longer than with them."""
    cdef unsigned char* room = <unsigned char*>PyMem_Malloc(part.end - part.at)
    cdef Part found
    if room == NULL:
        raise MemoryError
    try:
        found.at = room
        found.end = _unescape(part, room)
        return text(found)
    finally:
        PyMem_Free(room)


cdef unsigned char* _unescape(Part part, unsigned char* to) except NULL:
    """Write text without its escapes, and return where it ends."""
    cdef unsigned char byte
    while part.at < part.end:
        byte = part.at[0]
        part.at += 1
        if byte == c"\\":
            if part.at == part.end:
                raise UnusualError
            byte = part.at[0]
            part.at += 1
            if byte == c"u":
                to = _utf8(_unicode(&part), to)
                continue
            byte = _escaped(byte)
        to[0] = byte
        to += 1
    return to


cdef unsigned char _escaped(unsigned char letter) except 0:
    """Return the character that a backslash and a letter stand for."""
    if letter == c"n":
        return c"\n"
    if letter == c"t":
        return c"\t"
    if letter == c"r":
        return c"\r"
    if letter == c"b":
        return c"\b"
    if letter == c"f":
        return c"\f"
    if letter == c'"' or letter == c"\\" or letter == c"/":
        return letter
    raise UnusualError


cdef int _unicode(Part* part) except -1:
    """Return the character that four hexadecimal digits stand for, or twice four: two halves of one."""
    cdef int first = _four(part), second
    if 0xD800 <= first < 0xE000:
        if not _word(part, b"\\u", 2):
            raise UnusualError
        second = _four(part)
        if first >= 0xDC00 or not 0xDC00 <= second < 0xE000:
            raise UnusualError
        return 0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00))
    return first


cdef int _four(Part* part) except -1:
    cdef int value = 0, place
    if part.end - part.at < 4:
        raise UnusualError
    for place in range(4):
        value = value << 4 | _hexadecimal(part.at[place])
    part.at += 4
    return value


cdef inline int _hexadecimal(unsigned char digit) except -1:
    if c"0" <= digit <= c"9":
        return digit - c"0"
    digit |= 0x20  # small letters
    if c"a" <= digit <= c"f":
        return digit - c"a" + 10
    raise UnusualError


cdef unsigned char* _utf8(int character, unsigned char* to) noexcept:
    """Write a character and return where it ends."""
    if character < 0x80:
        to[0] = character
        return to + 1
    if character < 0x800:
        to[0] = 0xC0 | character >> 6
        to[1] = 0x80 | character & 0x3F
        return to + 2
    if character < 0x10000:
        to[0] = 0xE0 | character >> 12
        to[1] = 0x80 | character >> 6 & 0x3F
        to[2] = 0x80 | character & 0x3F
        return to + 3
    to[0] = 0xF0 | character >> 18
    to[1] = 0x80 | character >> 12 & 0x3F
    to[2] = 0x80 | character >> 6 & 0x3F
    to[3] = 0x80 | character & 0x3F
    return to + 4


cdef str _identifier(Part* part, int size):
    """Return a trace or span id in small hexadecimal digits, of all zeros nothing."""
    cdef char digits[32]
    cdef bint escaped
    cdef int place, digit, every = 0
    cdef Part found = _quoted(part, &escaped)
    if found.at == found.end:
        return ""
    if found.end - found.at != size or size > 32:
        raise UnusualError
    for place in range(size):
        digit = _hexadecimal(found.at[place])
        every |= digit
        digits[place] = b"0123456789abcdef"[digit]
    return PyUnicode_DecodeASCII(digits, size, NULL) if every else ""
