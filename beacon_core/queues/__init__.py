"""The queues that come with Beacon."""
