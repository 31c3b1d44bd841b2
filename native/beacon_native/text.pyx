# cython: language_level=3
"""Searches texts for keywords, all at once, and for runs of characters that may be base64.

An automaton (Aho and Corasick, "Efficient string matching", 1975) reads each character once, where the text has it:
nothing is joined, encoded or put into lower case before.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)

ctypedef fused Character:
    unsigned char
    uint16_t
    uint32_t

cdef enum:
    ASCII = 128
    NOT_ASCII = 128  # stands for every other character
    MOST_STATES = 1 << 20
    LANES = 4  # places of a text that are read in turn
    LONG = 64 * 1024  # characters; of a longer text only which keywords it has: all places could take too much memory

    SHIFTS = 4  # characters of base64 that three bytes take: it may begin at any of them

    ANYWHERE = 1  # what a keyword can count in
    IN_TEXT = 2

    LOWER = 1  # what a character of a run can be
    UPPER = 2
    OTHER = 4

cdef str SEXTETS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_"  # the last two stand for the same


cdef class Search:
    """A search for keywords. Immutable, any thread.

    Args:
        keywords: lower-case ASCII, none empty; found in any case. A character that is not ASCII counts as `?`.
        run: characters of a run of base64, at least. Letters, digits and `+/_-` make one; a run with letters of one
            case only is none.
        coded: numbers of keywords. Base64 counts as far as one of them stands in what it stands for.
        coded_text: numbers of keywords for which that has to be readable, too.

    Raises:
        ValueError: if the keywords are too many, or too long.
    """

    def __cinit__(self, list keywords not None, int run, *, list coded=[], list coded_text=[]):
        following, suffixes, ends = _trie(keywords)
        if len(following) > MOST_STATES:
            raise ValueError("too many keywords, or too long ones")
        self.run = run
        self.longest = max(map(len, keywords), default=1)
        memset(self.firsts, 0, sizeof(self.firsts))
        memset(self.seconds, 0, sizeof(self.seconds))
        self._classify(keywords)
        self._fill(following, suffixes, ends)
        self._note(keywords, ends)
        self._mark(ends, set(coded), set(coded_text))
        for number in coded:
            self._begin(keywords[number])

    def __dealloc__(self):
        PyMem_Free(self.following)
        PyMem_Free(self.outputs)
        PyMem_Free(self.numbers)
        PyMem_Free(self.lengths)
        PyMem_Free(self.counts)

    cdef int _classify(self, list keywords) except -1:
        """Give every character that keywords have a class of its own; all others have the class 0."""
        cdef int code
        cdef str character
        cdef dict classes = {byte: number for number, byte in enumerate(sorted(set(b"".join(keywords))), 1)}
        self.width = (<int>len(classes) + 2) & ~1  # even: the last bit of a row's beginning is free
        self.classes[NOT_ASCII] = classes.get(ord("?"), 0)
        self.kinds[NOT_ASCII] = 0
        for code, character in enumerate(SEXTETS):
            self.sextets[<int>ord(character)] = min(code, 63)
        self.sextets[<int>ord("-")] = 62
        memset(self.readable, 0, sizeof(self.readable))
        for code in range(ASCII):
            self.readable[code] = chr(code).isprintable() or chr(code) in "\t\r\n\f\x1b"
        for code in range(ASCII):
            character = chr(code)
            self.classes[code] = classes.get(ord(character.lower()), 0)
            if character.isalpha():
                self.kinds[code] = LOWER if character.islower() else UPPER
            else:
                self.kinds[code] = OTHER if character.isdigit() or character in "+/_-" else 0
        return 0

    cdef int _fill(self, list following, dict suffixes, list ends) except -1:
        """Write down which state follows which; that of a suffix is filled before those of longer beginnings."""
        cdef size_t row = self.width * sizeof(uint32_t)
        cdef uint32_t state, suffix, after
        self.following = <uint32_t*>_memory(len(following) * row)
        memset(self.following, 0, row)
        for state, suffix in suffixes.items():
            if state:
                memcpy(self.following + state * self.width, self.following + suffix * self.width, row)
            for byte, after in (<dict>following[state]).items():
                self.following[state * self.width + self.classes[<int>byte]] = after * self.width | bool(ends[after])
        return 0

    cdef int _note(self, list keywords, list ends) except -1:
        """Write down which keywords end in which state: `outputs` says where in `numbers` they begin."""
        cdef Py_ssize_t state, number, at = 1
        self.outputs = <int32_t*>_memory(len(ends) * sizeof(int32_t))
        self.numbers = <int32_t*>_memory((1 + sum([len(each) + 1 for each in ends])) * sizeof(int32_t))
        self.lengths = <int32_t*>_memory((len(keywords) + 1) * sizeof(int32_t))
        for number in range(len(keywords)):
            self.lengths[number] = <int32_t>len(keywords[number])
        for state in range(len(ends)):
            self.outputs[state] = <int32_t>at if ends[state] else 0
            for number in ends[state]:
                self.numbers[at] = <int32_t>number
                at += 1
            if ends[state]:
                self.numbers[at] = -1
                at += 1
        return 0

    cdef int _mark(self, list ends, set coded, set coded_text) except -1:
        """Write down of each state if keywords end there that count in base64."""
        cdef Py_ssize_t state
        self.counts = <unsigned char*>_memory(len(ends))
        for state in range(len(ends)):
            self.counts[state] = ANYWHERE if not coded.isdisjoint(ends[state]) else 0
            if not coded_text.isdisjoint(ends[state]):
                self.counts[state] |= IN_TEXT
        return 0

    cdef int _begin(self, bytes keyword) except -1:
        """Write down which two bytes may be the first of a keyword that counts anywhere, and which follow the first."""
        cdef list cases = [sorted({byte, *bytes([byte]).upper()}) for byte in keyword[:3]]
        cdef list first, second, third
        if len(keyword) == 1 or ord("?") in keyword[:3]:  # that stands for whatever is not ASCII
            memset(self.firsts, 255, sizeof(self.firsts))
            memset(self.seconds, 255, sizeof(self.seconds))
            return 0
        first, second = cases[:2]
        third = cases[2] if len(keyword) > 2 else list(range(256))
        for byte in first:
            for following in second:
                _set(self.firsts, byte << 8 | following)
        for byte in second:
            for following in third:
                _set(self.seconds, byte << 8 | following)
        return 0

    def scan(self, texts):
        """Return a `Hits` for every text in which something stands, in their order."""
        cdef list found = []
        cdef Hits hits
        for text in texts:
            hits = self.look(text)
            if hits is not None:
                found.append(hits)
        return found

    cdef Hits look(self, str text):
        """Return what stands in a text, None for nothing."""
        if text is None:
            raise TypeError("a text is a str")
        cdef int kind = PyUnicode_KIND(text)
        cdef Hits hits
        if kind == 1:
            hits = _read(self, <unsigned char*>PyUnicode_DATA(text), len(text))
        elif kind == 2:
            hits = _read(self, <uint16_t*>PyUnicode_DATA(text), len(text))
        else:
            hits = _read(self, <uint32_t*>PyUnicode_DATA(text), len(text))
        if hits is not None:
            hits.text = text
        return hits

    cdef bint has_base64(self, str text) except? True:
        """Say if there is base64 in a text that counts."""
        cdef int kind = PyUnicode_KIND(text)
        if kind == 1:
            return _has_run(self, <unsigned char*>PyUnicode_DATA(text), len(text), True)
        if kind == 2:
            return _has_run(self, <uint16_t*>PyUnicode_DATA(text), len(text), True)
        return _has_run(self, <uint32_t*>PyUnicode_DATA(text), len(text), True)

    cdef Hits _found(self, Hits hits, uint32_t state, Py_ssize_t end, Py_ssize_t size):
        """Return the keywords of a text with those that end here."""
        cdef int32_t* number = self.numbers + self.outputs[state // self.width]
        if hits is None:
            hits = Hits()
        while number[0] >= 0:
            if size > LONG:
                hits.note(number[0])
            else:
                hits.add(number[0], end - self.lengths[number[0]])
            number += 1
        return hits


cdef Hits _read(Search search, Character* at, Py_ssize_t size):
    cdef Hits hits = _keywords(search, at, size)
    if hits is not None:
        hits.run = _has_run(search, at, size, False)  # what is found first may make it needless to know
    elif _has_run(search, at, size, True):
        hits = Hits()
        hits.run = True
    return hits


cdef Hits _keywords(Search search, Character* at, Py_ssize_t size):
    """Return which keywords stand in a text, None for none.

    A long one is read at four places in turn, the latter three from some characters earlier on, so that keywords
    across are found: at one place alone each state has to be waited for, which takes most of the time.
    """
    cdef const uint32_t* following = search.following
    cdef const unsigned char* classes = search.classes
    cdef Py_ssize_t early = search.longest - 1, step = size, place, second = 0, third = 0, fourth = 0
    cdef uint32_t state = 0, state_2 = 0, state_3 = 0, state_4 = 0
    cdef Hits hits = None, hits_2 = None, hits_3 = None, hits_4 = None
    if size > LANES * (early + LANES):
        step = (size + (LANES - 1) * early + LANES - 1) // LANES
        second, third, fourth = step - early, 2 * (step - early), size - step
        for place in range(step):
            state = following[(state & ~1) + classes[_code(at[place])]]
            state_2 = following[(state_2 & ~1) + classes[_code(at[second + place])]]
            state_3 = following[(state_3 & ~1) + classes[_code(at[third + place])]]
            state_4 = following[(state_4 & ~1) + classes[_code(at[fourth + place])]]
            if (state | state_2 | state_3 | state_4) & 1:
                if state & 1:
                    hits = search._found(hits, state, place + 1, size)
                if state_2 & 1 and second + place >= step:
                    hits_2 = search._found(hits_2, state_2, second + place + 1, size)
                if state_3 & 1 and third + place >= second + step:
                    hits_3 = search._found(hits_3, state_3, third + place + 1, size)
                if state_4 & 1 and fourth + place >= third + step:
                    hits_4 = search._found(hits_4, state_4, fourth + place + 1, size)
        for part in (hits_2, hits_3, hits_4):
            if part is not None:
                hits = part if hits is None else hits.join(part)
        return hits
    for place in range(size):
        state = following[(state & ~1) + classes[_code(at[place])]]
        if state & 1:
            hits = search._found(hits, state, place + 1, size)
    return hits


cdef inline uint32_t _code(Character character) noexcept:
    return character if character < ASCII else NOT_ASCII


include "base64_runs.pxi"


@cython.no_gc  # what it holds refers to nothing else
cdef class Hits:
    """What stands in a text.

    Attributes:
        text: the text.
        places: the numbers of its keywords and where they stand, in the order of their beginnings.
        keywords: of a text that is too long for that, the numbers of its keywords instead, a set; else empty.
        run: whether there is base64 that counts, or, in a text with keywords, that may count.
    """

    def __cinit__(self):
        self.places = []
        self.keywords = ()
        self.run = False
        self.latest = -1

    cdef int add(self, int number, Py_ssize_t begin) except -1:
        """Add a keyword and where it begins; one that ends later may begin earlier, by no more than its length."""
        cdef Py_ssize_t index = len(self.places)
        self.places.append((number, begin))
        if begin < self.latest:
            while index and <Py_ssize_t>(<tuple>self.places[index - 1])[1] > begin:
                self.places[index] = self.places[index - 1]
                index -= 1
            self.places[index] = (number, begin)
        else:
            self.latest = begin
        return 0

    cdef Hits join(self, Hits after):
        """Add what stands in a later part of the same text."""
        cdef tuple hit
        for hit in after.places:
            self.add(hit[0], hit[1])
        for number in after.keywords:
            self.note(number)
        return self

    cdef int note(self, int number) except -1:
        if type(self.keywords) is tuple:
            self.keywords = set()
        (<set>self.keywords).add(number)
        return 0


cdef void* _memory(size_t size) except NULL:
    cdef void* found = PyMem_Malloc(size)
    if found == NULL:
        raise MemoryError
    return found


cdef tuple _trie(list keywords):
    """Return of each state: those that follow, by byte; the state of its longest suffix; numbers of keywords that end.

    The suffixes are a dict, in the order of the lengths of what leads to a state.
    """
    cdef list following = [{}], ends = [[]]
    cdef dict suffixes = {0: 0}
    cdef int number, state, after, back
    for number, keyword in enumerate(keywords):
        state = 0
        for byte in keyword:
            after = following[state].setdefault(byte, len(following))
            if after == len(following):
                following.append({})
                ends.append([])
            state = after
        ends[state].append(number)
    cdef list order = [0]
    for state in order:  # which grows
        for byte, after in following[state].items():
            back = suffixes[state]
            while back and byte not in following[back]:
                back = suffixes[back]
            suffixes[after] = following[back].get(byte, 0) if state else 0
            ends[after] = ends[after] + ends[suffixes[after]]
            order.append(after)
    return following, suffixes, ends
