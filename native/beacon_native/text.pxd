from libc.stdint cimport int32_t, uint32_t

cdef class Hits:
    cdef list places
    cdef object keywords
    cdef bint run
    cdef Py_ssize_t latest  # where the last of `places` begins

    cdef int add(self, int number, Py_ssize_t begin) except -1
    cdef int note(self, int number) except -1

cdef class Search:
    cdef uint32_t* following  # by state and class of the next character: where the row of the next state begins, plus 1 if a keyword ends there
    cdef int32_t* outputs  # by state: where its keywords begin in `numbers`, 0 for none
    cdef int32_t* numbers  # of keywords; those of a state are followed by -1
    cdef int32_t* lengths  # by number of a keyword
    cdef unsigned char classes[129]  # of ASCII, and of what is not
    cdef unsigned char kinds[129]  # likewise
    cdef int width  # classes
    cdef int run

    cdef Hits look(self, str text)
    cdef int _classify(self, list keywords) except -1
    cdef int _fill(self, list following, dict suffixes, list ends) except -1
    cdef int _note(self, list keywords, list ends) except -1
    cdef int _add(self, Hits hits, uint32_t state, Py_ssize_t end, Py_ssize_t size) except -1
