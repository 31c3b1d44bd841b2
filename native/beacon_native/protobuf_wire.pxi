# The wire format of protobuf for otlp.pyx, which includes this file. Every byte of a number or a length is read here, by
# functions that look first how many are left.

cdef enum:
    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5


cdef int _tag(Part* part) except -1:
    """Return a field's number and type, which is one byte, or two; longer ways to write the same are not ordinary."""
    cdef int tag
    if part.end - part.at < 2:
        raise UnusualError
    tag = part.at[0]
    part.at += 1
    if tag >= 0x80:
        if not 0 < part.at[0] < 0x80:
            raise UnusualError
        tag = tag & 0x7F | part.at[0] << 7
        part.at += 1
    return tag


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
    cdef const unsigned char* begin = part.at
    cdef uint64_t size = _varint(part)
    if part.at - begin > 5 or size > <uint64_t>(part.end - part.at):
        raise UnusualError
    found.at = part.at
    found.end = part.at + size
    part.at = found.end
    return found
