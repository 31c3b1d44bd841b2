"""The inner loops of Beacon in native code; `beacon_core` uses them where they are installed.

They know nothing of Beacon: what they make, and what they are to take apart, is given to them.
"""

#: Raised with every change that a `beacon_core` of before would not understand.
INTERFACE = 1
