from libc.stdint cimport int32_t, uint32_t

cdef class Hits:
    cdef readonly str text
    cdef readonly list places
    cdef readonly object keywords
    cdef readonly bint run
    cdef Py_ssize_t latest  # where the last of `places` begins

    cdef int add(self, int number, Py_ssize_t begin) except -1
    cdef int note(self, int number) except -1
    cdef Hits join(self, Hits after)

cdef class Search:
    cdef uint32_t* following  # by state and class of the next character: where the row of the next state begins, plus 1 if a keyword ends there
    cdef int32_t* outputs  # by state: where its keywords begin in `numbers`, 0 for none
    cdef int32_t* numbers  # of keywords; those of a state are followed by -1
    cdef int32_t* lengths  # by number of a keyword
    cdef unsigned char classes[129]  # of ASCII, and of what is not
    cdef unsigned char kinds[129]  # likewise
    cdef unsigned char sextets[128]  # what characters of base64 stand for
    cdef unsigned char readable[256]  # by byte: whether text that can be read has it
    cdef unsigned char firsts[8192]  # a bit for every two bytes: whether a keyword that counts anywhere begins with them
    cdef unsigned char seconds[8192]  # likewise, for its second and third byte
    cdef unsigned char* counts  # by state: in what base64 its keywords count
    cdef int width  # classes
    cdef int run
    cdef int longest  # keyword

    cdef Hits look(self, str text)
    cdef bint has_base64(self, str text) except? True
    cdef int _classify(self, list keywords) except -1
    cdef int _fill(self, list following, dict suffixes, list ends) except -1
    cdef int _note(self, list keywords, list ends) except -1
    cdef int _mark(self, list ends, set coded, set coded_text) except -1
    cdef int _begin(self, bytes keyword) except -1
    cdef Hits _found(self, Hits hits, uint32_t state, Py_ssize_t end, Py_ssize_t size)
