"""From the queue to the exporters: workers, the outcome of an attempt, backoff."""
