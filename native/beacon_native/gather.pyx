# cython: language_level=3
"""Looks through the records of a batch for texts in which something stands.

One pass over everything that records hold. What equals, as an object, that of the record before at the same position is not
looked at again: most attributes of a session are the same, and are one object each.
"""

from beacon_native.text cimport Hits, Search

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)

cdef enum:
    POSITIONS = 64  # attributes, from the first on, that are compared with those of the record before
    NUMBER = 9  # bytes of a number, at most, and of what is beside a text or a name
    CHARACTER = 4  # bytes of one, at most
    UNKNOWN = 1 << 30  # of a metric, whose numbers are not looked at
    BARE = 512  # bytes of any other record without attributes and texts: times, ids

    NOTHING = 0
    HERE = 1  # something stands in the text itself
    WITHIN = 2  # something stands, or may be to be done, in what a list, a map or a record holds


cdef tuple HEADS = ("name", "severity_text", "body")


cdef Py_ssize_t _weight(key):
    """Return the bytes that a name may take."""
    return NUMBER + (CHARACTER * len(<str>key) if type(key) is str else 0)


cdef class Gathered:
    """What has been found in a batch.

    Args:
        search: what is looked for.
        members: by the type of a record, the names of the members that hold text, lists, maps or records.
        is_plain: says of the names of a map, a tuple, whether there is nothing to be done because of them.
        decode: returns bytes as text.
        longest: characters of a text; a longer one counts as one in which something stands.
        levels: how deep lists and maps may be nested.

    Attributes:
        hits: the texts in which something stands, as `Search.scan` tells.
        texts: the long ones.
        longest: characters of the longest text.
        places: where, in which attribute, and the text, of what stands in a text of a record's attributes.
        heads: likewise, for members of a record.
        walks: where records are that hold more than that; these are not in `places` and `heads`.
        shared: resources and scopes in which there may be something to be done, by `id`.
    """

    cdef readonly list hits, texts, places, heads, walks
    cdef readonly dict shared
    cdef readonly Py_ssize_t longest
    cdef Search search
    cdef object is_plain, decode
    cdef dict members
    cdef set found  # the texts of `hits`
    cdef Py_ssize_t limit
    cdef Py_ssize_t weight  # of the record that is being read: bytes, at most
    cdef list sizes  # those of all records
    cdef Py_ssize_t largest  # of them
    cdef set known  # ids of the resources and scopes that have been looked at
    cdef object resource, scope  # the last ones
    cdef int levels
    cdef list keys, values  # of the attributes of records before, by position
    cdef unsigned char states[POSITIONS]  # what was found in these values
    cdef Py_ssize_t weights[POSITIONS]  # of them
    cdef list head_values  # name, severity and body of the record before, likewise
    cdef unsigned char head_states[3]
    cdef Py_ssize_t head_weights[3]
    cdef Py_ssize_t count  # attributes of the record before
    cdef bint plain  # its names

    def __cinit__(
        self, Search search not None, *, dict members not None, is_plain, decode, Py_ssize_t longest,
        int levels,
    ):
        self.search, self.members = search, members
        self.is_plain, self.decode = is_plain, decode
        self.limit, self.levels = longest, levels
        self.hits, self.texts, self.places, self.heads, self.walks, self.sizes = [], [], [], [], [], []
        self.shared, self.known = {}, set()
        self.keys, self.values = [None] * POSITIONS, [None] * POSITIONS
        self.head_values = [None] * len(HEADS)
        self.found = set()
        self.count = -1

    def events(self, records):
        """Look through the events of a batch.

        Raises:
            RecursionError: if something is nested too deep.
            UnicodeError: if a text has a lone surrogate.
        """
        cdef Py_ssize_t number = 0
        for record in records:
            self._event(number, record)
            number += 1

    def heavy(self, Py_ssize_t size, double growth):
        """Return where records are that may have more than `size` bytes when no text grows by more than a factor."""
        if self.largest * growth <= size:
            return []
        return [number for number, weight in enumerate(self.sizes) if weight * growth > size]

    def edits(self, records, dict changes not None, skip):
        """Return copies of the attributes of records, by where these are, with other texts in them.

        Args:
            records: those that were looked through.
            changes: by a text, an object whose `text` is what becomes of it.
            skip: where records are that are left alone.

        Returns:
            The copies; and where each text has been replaced.
        """
        cdef dict copies = {}, where = {}
        cdef dict attributes = None
        cdef tuple each
        cdef Py_ssize_t before = -1, place
        for each in self.places:
            change = changes.get(each[2])
            place = each[0]
            if change is None or (skip and place in skip):
                continue
            if place != before:  # the places of a record stand together
                before = place
                attributes = copies[place] = dict(records[place].attributes)
            attributes[each[1]] = change.text
            numbers = where.get(each[2])
            if numbers is None:
                where[each[2]] = [place]
            else:
                (<list>numbers).append(place)
        return copies, where

    cdef int _share(self, value) except -1:
        """Look through a resource or scope, unless that has been done."""
        if id(value) not in self.known:
            self.known.add(id(value))
            if value is not None and self._value(value, 0):
                self.shared[id(value)] = value
        return 0

    cdef int _event(self, Py_ssize_t number, record) except -1:
        cdef Py_ssize_t places = len(self.places), heads = len(self.heads)
        cdef object attributes = record.attributes
        cdef bint within
        if record.resource is not self.resource:
            self.resource = record.resource
            self._share(self.resource)
        if record.scope is not self.scope:
            self.scope = record.scope
            self._share(self.scope)
        self.weight = BARE
        if type(attributes) is dict:
            within = self._attributes(number, <dict>attributes)
        else:
            within = self._value(attributes, 0) != NOTHING
        within |= self._head(number, 0, record.name)
        within |= self._head(number, 1, record.severity_text)
        within |= self._head(number, 2, record.body)
        metric, span = record.metric, record.span
        if span is not None and self._value(span, 1):
            within = True
        if metric is not None:
            within |= self._value(metric, 1) != NOTHING
            self.weight = UNKNOWN
        if within:
            self.walks.append(number)
            del self.places[places:]
            del self.heads[heads:]
        self.sizes.append(self.weight)
        self.largest = max(self.largest, self.weight)
        return 0

    cdef bint _head(self, Py_ssize_t number, int head, value) except? True:
        """Look at a name, severity or body; say if more is to be done than what `heads` says."""
        cdef Py_ssize_t before = self.weight
        if value is not self.head_values[head]:
            self.head_states[head] = self._value(value, 1)
            self.head_weights[head] = self.weight - before
            self.head_values[head] = value
        else:
            self.weight += self.head_weights[head]
        if self.head_states[head] == HERE:
            self.heads.append((number, HEADS[head], value))
        return self.head_states[head] == WITHIN

    cdef bint _attributes(self, Py_ssize_t number, dict attributes) except? True:
        """Look through a record's attributes; say if more is to be done than what `places` says."""
        cdef Py_ssize_t position = 0, before
        cdef bint within = False, same = len(attributes) == self.count
        cdef int state
        for key, value in attributes.items():
            if position >= POSITIONS:
                self.weight += _weight(key)
                state = self._value(value, 1)
                same = False
            elif key is self.keys[position] and value is self.values[position]:
                self.weight += self.weights[position]
                state = self.states[position]
            else:
                before = self.weight
                same = same and key is self.keys[position]
                state = self._value(value, 1)
                self.weight += _weight(key)
                self.weights[position] = self.weight - before
                self.states[position] = state
                self.keys[position], self.values[position] = key, value
            if state == HERE:
                self.places.append((number, key, value))
            elif state == WITHIN:
                within = True
            position += 1
        self.count = position
        if not same:
            self.plain = self._are_plain(attributes)
        elif not self.plain:
            self._keys(attributes)
        return within or not self.plain

    cdef bint _are_plain(self, dict attributes) except? True:
        """Say if there is nothing to be done because of names; else look at them as at other texts."""
        if self.is_plain(tuple(attributes)):
            return True
        self._keys(attributes)
        return False

    cdef int _value(self, value, int level) except -1:
        """Look through a value of any type; say what was found."""
        cdef object kind = type(value)
        if kind is str:
            return HERE if self._text(<str>value) else NOTHING
        if kind is int or kind is float or kind is bool or value is None:
            self.weight += NUMBER
            return NOTHING
        if kind is dict:
            return self._map(<dict>value, level)
        if kind is list:
            return self._list(<list>value, level)
        if kind is bytes:
            return WITHIN if self._text(self.decode(value)) else NOTHING
        if kind in self.members:
            return self._record(value, level)
        return self._other(value, level)

    cdef int _map(self, dict value, int level) except -1:
        cdef int state = NOTHING
        if level >= self.levels - 1:
            raise RecursionError("lists and maps are nested too deep")
        if not self._are_plain(value):
            state = WITHIN
        for key, member in value.items():
            self.weight += _weight(key)
            if self._value(member, level + 1):
                state = WITHIN
        return state

    cdef int _list(self, list value, int level) except -1:
        cdef int state = NOTHING
        if level >= self.levels - 1:
            raise RecursionError("lists and maps are nested too deep")
        self.weight += NUMBER
        for member in value:
            if self._value(member, level + 1):
                state = WITHIN
            if type(member) is str and (<str>member)[:1] == "-":  # a flag, after which a secret may stand
                state = WITHIN
        return state

    cdef int _record(self, value, int level) except -1:
        cdef int state = NOTHING
        if level >= self.levels - 1:
            raise RecursionError("lists and maps are nested too deep")
        self.weight += BARE
        for member in self.members[type(value)]:
            if self._value(getattr(value, member), level + 1):
                state = WITHIN
        return state

    cdef int _other(self, value, int level) except -1:
        """Look through a value of a type that somebody has derived; anything else holds no text."""
        cdef int state = NOTHING
        if isinstance(value, str):
            state = self._text(str.__str__(value))  # of an enumeration, `str` gives the name
        elif isinstance(value, bytes):
            state = self._text(self.decode(value))
        elif isinstance(value, dict):
            state = self._map(dict(value), level)
        elif isinstance(value, list):
            state = self._list(list(value), level)
        return WITHIN if state else NOTHING

    cdef int _keys(self, dict value) except -1:
        for key in value:
            if isinstance(key, str):
                self._text(str.__str__(key))
        return 0

    cdef bint _text(self, str text) except? True:
        """Say if something stands in a text, and keep what; a long one is as one in which something stands."""
        cdef Py_ssize_t size = len(text)
        cdef Hits hits
        if PyUnicode_KIND(text) != 1:
            text.encode()  # raises what there is to raise: surrogates can be neither stored nor sent
        hits = self.search.look(text)
        self.weight += NUMBER + CHARACTER * size
        if size > self.longest:
            self.longest = size
        if hits is None and size <= self.limit:
            return False
        if text not in self.found:
            self.found.add(text)
            if size > self.limit:
                self.texts.append(text)
            if hits is not None:
                self.hits.append(hits)
        return True
