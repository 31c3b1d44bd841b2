"""The processors that come with Beacon, one folder a type, rules as data beside the code."""
