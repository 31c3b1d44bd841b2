# cython: language_level=3
"""Tries patterns at the places where their keywords stand, and puts something else in the place of what they find."""

from beacon_native.text cimport Hits, Search

cdef enum:
    NEVER = 0  # when something else has to look at a text
    UNCHANGED = 1  # if nothing is found in it
    FIRST = 2

    FEW = 12  # places; among more it is not looked again and again


cdef bint _stands(frozenset keywords, list places) except? True:
    """Say if one of some keywords is among the places."""
    cdef tuple hit
    for hit in places:
        if hit[0] in keywords:
            return True
    return False


cdef class Patterns:
    """What the keywords of a search call. Any thread, as far as what it is given is.

    Args:
        calls: by the number of a keyword, what it calls, or None: patterns to try where it stands, each with its
            number, that of its rule, what matches at a place, the group that is found, how far before the keyword a
            match begins, and keywords of which one has to stand in the text, too; and a dict of patterns to look for
            in the whole text.
        call: finds out what a keyword calls, and puts it into `calls`.
        ids: by the number of a rule, its id.
        plain: by the number of a rule, what takes the place of every find; None where `judge` is to be asked.
        judge: returns what takes the place of a find of a rule, None if it is none.
        search: adds what patterns find in the whole text; takes them, the text and the spans.
        choose: returns spans in order, and those that overlap only once.
        keywords: finds the keywords in a text.
        asides: by the number of a keyword, when something else has to look at a text with it, too.
        before_json: first characters of texts that something else has to look at first.
        make: makes an object of what becomes of a text, and how often each rule found something, by id.
    """

    cdef list calls, ids, plain
    cdef object call, judge, search, choose, make
    cdef Search keywords
    cdef bytes asides
    cdef str before_json

    def __cinit__(
        self, list calls not None, *, call, list ids not None, list plain not None, judge, search, choose,
        Search keywords not None, bytes asides not None, str before_json not None, make,
    ):
        self.calls, self.ids, self.plain = calls, ids, plain
        self.call, self.judge, self.search, self.choose = call, judge, search, choose
        self.keywords, self.asides, self.before_json, self.make = keywords, asides, before_json, make

    def apply(self, str text not None, list places not None, dict counts not None):
        """Return a text with something else instead of what the patterns find.

        Args:
            text: any text.
            places: numbers of keywords and where they stand, in the order of their beginnings.
            counts: how often each rule found something, by id; is added to.
        """
        cdef list spans = []
        cdef dict others = self._match(text, places, spans)
        if others:
            self.search(others, text, spans)
        if not spans:
            return text
        return self._replaced(text, spans if len(spans) == 1 else self.choose(spans), counts)

    def apply_all(self, found):
        """Return what becomes of texts.

        Args:
            found: of each text, what stands in it, as `Search.scan` tells.

        Returns:
            What `make` made of texts that change, by the text; those of them in whose outcome something may be found,
            likewise; and what of `found` has to be looked at by something else, too, and was left alone.
        """
        cdef dict changes = {}, again = {}, counts
        cdef list others = []
        cdef Hits hits
        cdef str new
        cdef int aside
        for hits in found:
            aside = FIRST if hits.keywords else self._aside(hits.text, hits.places)
            if aside < FIRST:
                counts = {}
                new = self.apply(hits.text, hits.places, counts)
                if new != hits.text:
                    changes[hits.text] = change = self.make(new, counts)
                    if not self._is_settled(new):
                        again[hits.text] = change
                    continue
            if aside or (hits.run and self.keywords.has_base64(hits.text)):
                others.append(hits)
        return changes, again, others

    cdef int _aside(self, str text, list places) except -1:
        """Say if something else has to look at a text, too: `NEVER`, if it is `UNCHANGED`, or `FIRST`."""
        cdef tuple hit
        cdef int aside = NEVER
        if text and text[0] in self.before_json:
            return FIRST
        for hit in places:
            aside = max(aside, <int>self.asides[<Py_ssize_t>hit[0]])
        return aside

    cdef bint _is_settled(self, str text) except? True:
        """Say if there is nothing to be found in a text, for certain."""
        cdef Hits hits = self.keywords.look(text)
        cdef list spans
        if hits is None:
            return True
        if hits.keywords or self._aside(text, hits.places):
            return False
        spans = []
        others = self._match(text, hits.places, spans)
        if others and not spans:
            self.search(others, text, spans)
        return not spans and not (hits.run and self.keywords.has_base64(text))

    cdef dict _match(self, str text, list places, list spans):
        """Add what patterns find around keywords; return those to look for in the whole text, None for none."""
        cdef dict ends = None  # by pattern: where its last match ended
        cdef dict others = None
        cdef frozenset present = None
        cdef tuple called, each, hit
        cdef object match
        cdef Py_ssize_t start
        cdef bint single = len(places) == 1
        for hit in places:
            called = self.calls[<Py_ssize_t>hit[0]] or self.call(hit[0])
            if called[1]:
                others = others or {}
                others.update(called[1])
            for each in <tuple>called[0]:
                start = <Py_ssize_t>hit[1] - <Py_ssize_t>each[4]
                if start < 0 or (ends is not None and start < <Py_ssize_t>ends.get(each[0], 0)):
                    continue
                if each[5]:
                    if present is None and len(places) > FEW:
                        present = frozenset([number for number, _ in places])
                    if not (_stands(<frozenset>each[5], places) if present is None else not present.isdisjoint(each[5])):
                        continue
                match = each[2](text, start)
                if match is not None:
                    if not single:
                        ends = ends or {}
                        ends[each[0]] = match.end()
                    self._add(each[1], match, each[3], spans)
        return others

    cdef int _add(self, Py_ssize_t rule, match, group, list spans) except -1:
        """Add a find and what takes its place, if it is one and no earlier rule has it."""
        cdef Py_ssize_t start, stop
        cdef tuple last
        start, stop = match.span(group)
        if start < 0:
            return 0
        if spans:
            last = spans[-1]
            if <Py_ssize_t>last[0] <= start and stop <= <Py_ssize_t>last[2] and <Py_ssize_t>last[1] < rule:
                return 0
        replacement = self.plain[rule]
        if replacement is None:
            replacement = self.judge(rule, match[group])
        if replacement is not None:
            spans.append((start, rule, stop, replacement))
        return 0

    cdef str _replaced(self, str text, list spans, dict counts):
        cdef list parts = []
        cdef Py_ssize_t end = 0
        cdef tuple span
        for span in spans:
            parts.append(text[end:<Py_ssize_t>span[0]])
            parts.append(span[3])
            end = span[2]
            rule_id = self.ids[<Py_ssize_t>span[1]]
            counts[rule_id] = counts.get(rule_id, 0) + 1
        parts.append(text[end:])
        return "".join(parts)
