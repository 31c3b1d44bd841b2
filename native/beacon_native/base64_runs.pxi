# Part of text.pyx: says if base64 stands for something that counts, without writing down what it stands for.

cdef inline void _set(unsigned char* bits, int place) noexcept:
    bits[place >> 3] |= 1 << (place & 7)


cdef inline bint _has(const unsigned char* bits, uint32_t place) noexcept:
    return (bits[place >> 3] >> (place & 7)) & 1


cdef bint _has_run(Search search, Character* at, Py_ssize_t size, bint opened) noexcept:
    """Say if there is a run that may be base64; if it is to be opened, of something that counts.

    A character in which a run cannot stand leaves no room for one before the next place that is looked at.
    """
    cdef const unsigned char* kinds = search.kinds
    cdef Py_ssize_t least = search.run, place = least - 1, begin, end
    cdef unsigned char seen
    while place < size:
        begin = place + 1
        while begin and kinds[_code(at[begin - 1])]:
            begin -= 1
        if begin + least - 1 > place:
            place = begin + least - 1
            continue
        seen, end = 0, begin
        while end < size and kinds[_code(at[end])]:
            seen |= kinds[_code(at[end])]
            end += 1
        if _is_mixed(seen) and (not opened or _is_coded(search, at + begin, end - begin)):
            return True
        place = end + least
    return False


cdef inline bint _is_mixed(unsigned char seen) noexcept:
    """Say if the letters of a run are of both cases, or if it has none: hashes, ids and words have one case."""
    return ((seen & LOWER) != 0) == ((seen & UPPER) != 0)


cdef bint _is_coded(Search search, Character* at, Py_ssize_t length) noexcept:
    """Say if a run, from any of its first characters on, is base64 of something that counts."""
    cdef Py_ssize_t shift
    cdef bint anywhere = _may_count(search, at, length)
    for shift in range(SHIFTS):
        if _counts(search, at + shift, length - shift, anywhere):
            return True
    return False


cdef bint _may_count(Search search, Character* at, Py_ssize_t length) noexcept:
    """Say if there may be a keyword that counts anywhere: three bytes that can be its first ones.

    A character completes three times as many bytes as it has pairs of bits, whatever the character to begin with.
    """
    cdef const unsigned char* firsts = search.firsts
    cdef const unsigned char* seconds = search.seconds
    cdef uint32_t bits = 0
    cdef Py_ssize_t place
    cdef bint found = False
    for place in range(length + 2):  # as if two more followed, for a keyword of two bytes at the end
        bits = bits << 6 | (search.sextets[at[place]] if place < length else 0)
        found |= _has(firsts, (bits >> 8) & 0xFFFF) & _has(seconds, bits & 0xFFFF)
        found |= _has(firsts, (bits >> 10) & 0xFFFF) & _has(seconds, (bits >> 2) & 0xFFFF)
        found |= _has(firsts, (bits >> 12) & 0xFFFF) & _has(seconds, (bits >> 4) & 0xFFFF)
    return found


cdef bint _counts(Search search, Character* at, Py_ssize_t length, bint anywhere) noexcept:
    """Say if base64 stands for something that counts; in what cannot be read only if that is so `anywhere`."""
    cdef uint32_t bits = 0, state = 0
    cdef Py_ssize_t place
    cdef int known = 0
    cdef unsigned char byte, found = 0
    cdef bint readable = True
    for place in range(length):
        bits = bits << 6 | search.sextets[at[place]]
        known += 6
        if known >= 8:
            known -= 8
            byte = (bits >> known) & 255
            readable &= search.readable[byte]
            if not (readable or anywhere):
                return False
            state = search.following[(state & ~1) + search.classes[byte if byte < ASCII else NOT_ASCII]]
            if state & 1:
                found |= search.counts[state // search.width]
                if found & ANYWHERE:
                    return True
    return found & IN_TEXT and readable
