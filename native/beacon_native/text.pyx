# cython: language_level=3
"""Searches texts for keywords, all at once, and for runs of characters that may be base64.

An automaton (Aho and Corasick, "Efficient string matching", 1975) reads each character once, where the text has it:
nothing is joined, encoded or put into lower case before.
"""

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
    LONG = 64 * 1024  # characters; of a longer text only which keywords it has: all places could take too much memory

    LOWER = 1  # what a character of a run can be
    UPPER = 2
    OTHER = 4


cdef class Search:
    """A search for keywords. Immutable, any thread.

    Args:
        keywords: lower-case ASCII, none empty; found in any case. A character that is not ASCII counts as `?`.
        run: characters that a run has at least. Letters, digits and `+/_-` make one; a run with letters of one case
            only is none.

    Raises:
        ValueError: if the keywords are too many, or too long.
    """

    def __cinit__(self, list keywords not None, int run):
        following, suffixes, ends = _trie(keywords)
        if len(following) > MOST_STATES:
            raise ValueError("too many keywords, or too long ones")
        self.run = run
        self._classify(keywords)
        self._fill(following, suffixes, ends)
        self._note(keywords, ends)

    def __dealloc__(self):
        PyMem_Free(self.following)
        PyMem_Free(self.outputs)
        PyMem_Free(self.numbers)
        PyMem_Free(self.lengths)

    cdef int _classify(self, list keywords) except -1:
        """Give every character that keywords have a class of its own; all others have the class 0."""
        cdef int code
        cdef str character
        cdef dict classes = {byte: number for number, byte in enumerate(sorted(set(b"".join(keywords))), 1)}
        self.width = (<int>len(classes) + 2) & ~1  # even: the last bit of a row's beginning is free
        self.classes[NOT_ASCII] = classes.get(ord("?"), 0)
        self.kinds[NOT_ASCII] = 0
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

    def scan(self, texts, make):
        """Return what `make` makes of every text in which something stands, in their order.

        Args:
            texts: an iterable of texts.
            make: takes a text; a list of the numbers of its keywords and where they stand, in the order of their
                beginnings; of a text that is too long for that a set of numbers, else an empty tuple; and whether
                there is a run.
        """
        cdef list found = []
        cdef Hits hits
        for text in texts:
            hits = self.look(text)
            if hits is not None:
                found.append(make(text, hits.places, hits.keywords, hits.run))
        return found

    def is_in(self, bytes data not None):
        """Say if a keyword stands in some bytes, a character a byte."""
        cdef const unsigned char* at = data
        cdef Py_ssize_t place
        cdef uint32_t state = 0
        for place in range(len(data)):
            state = self.following[(state & ~1) + self.classes[at[place] if at[place] < ASCII else NOT_ASCII]]
            if state & 1:
                return True
        return False

    cdef Hits look(self, str text):
        """Return what stands in a text, None for nothing."""
        if text is None:
            raise TypeError("a text is a str")
        cdef int kind = PyUnicode_KIND(text)
        if kind == 1:
            return _read(self, <unsigned char*>PyUnicode_DATA(text), len(text))
        if kind == 2:
            return _read(self, <uint16_t*>PyUnicode_DATA(text), len(text))
        return _read(self, <uint32_t*>PyUnicode_DATA(text), len(text))

    cdef int _add(self, Hits hits, uint32_t state, Py_ssize_t end, Py_ssize_t size) except -1:
        """Add the keywords that end here."""
        cdef int32_t* number = self.numbers + self.outputs[state]
        while number[0] >= 0:
            if size > LONG:
                hits.note(number[0])
            else:
                hits.add(number[0], end - self.lengths[number[0]])
            number += 1
        return 0


cdef Hits _read(Search search, Character* at, Py_ssize_t size):
    cdef Hits hits = None
    cdef const uint32_t* following = search.following
    cdef const unsigned char* classes = search.classes
    cdef const unsigned char* kinds = search.kinds
    cdef Py_ssize_t place
    cdef uint32_t state = 0, code, length = 0, least = search.run
    cdef unsigned char kind, seen = 0
    cdef bint inside
    for place in range(size):
        code = at[place]
        if code >= ASCII:
            code = NOT_ASCII
        state = following[(state & ~1) + classes[code]]
        if state & 1:
            if hits is None:
                hits = Hits()
            search._add(hits, state // search.width, place + 1, size)
        kind = kinds[code]
        inside = kind != 0
        if (not inside) & (length >= least):  # one branch, hardly ever taken: where words end is hard to guess
            if _is_mixed(seen):
                if hits is None:
                    hits = Hits()
                hits.run = True
        length = (length + 1) * inside
        seen = (seen | kind) * inside
    if length >= least and _is_mixed(seen):
        if hits is None:
            hits = Hits()
        hits.run = True
    return hits


cdef class Hits:
    """What stands in a text."""

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

    cdef int note(self, int number) except -1:
        if type(self.keywords) is tuple:
            self.keywords = set()
        (<set>self.keywords).add(number)
        return 0


cdef bint _is_mixed(unsigned char seen) noexcept:
    """Say if the letters of a run are of both cases, or if it has none: hashes, ids and words have one case."""
    return ((seen & LOWER) != 0) == ((seen & UPPER) != 0)


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
