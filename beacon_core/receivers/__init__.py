"""The receivers that come with Beacon, one module or folder a type."""
