# cython: language_level=3
"""Tries patterns at the places where their keywords stand."""


cdef class Patterns:
    """What the keywords of a search call. Any thread, as far as `call` and `add` are.

    Args:
        calls: by the number of a keyword, what it calls, or None: patterns to try where it stands, each with its number, that of its
            rule, what matches at a place, the group that is found, how far before the keyword a match begins, and
            keywords of which one has to stand in the text, too; and a dict of patterns to look for in the whole text.
        call: finds out what a keyword calls, and puts it into `calls`.
        add: takes the number of a rule, a match, a group and the list of what was found.
    """

    cdef list calls
    cdef object call, add

    def __cinit__(self, list calls not None, call, add):
        self.calls = calls
        self.call, self.add = call, add

    def match(self, str text not None, list places not None, list spans not None):
        """Add what patterns find around keywords to `spans`; return the patterns to look for in the whole text."""
        cdef dict ends = None  # by pattern: where its last match ended
        cdef dict others = {}
        cdef frozenset present = None
        cdef tuple called, direct, each
        cdef object found
        cdef Py_ssize_t place, start
        for number, place in places:
            found = self.calls[number]
            called = found if found is not None else self.call(number)
            if called[1]:
                others.update(called[1])
            for each in called[0]:
                start = place - <Py_ssize_t>each[4]
                if start < 0 or (ends is not None and start < <Py_ssize_t>ends.get(each[0], 0)):
                    continue
                if each[5]:
                    if present is None:
                        present = frozenset([number for number, _ in places])
                    if present.isdisjoint(each[5]):
                        continue
                found = each[2](text, start)
                if found is not None:
                    if ends is None:
                        ends = {}
                    ends[each[0]] = found.end()
                    self.add(each[1], found, each[3], spans)
        return others
