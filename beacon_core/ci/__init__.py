"""`beacon ci`: the telemetry of coding agents in a CI job, from the start of a session to its receipt.

A session is a pipeline beside one job. It runs in a process of its own (`sidecar`), so that the job, which waits for
what is imported here, waits for little.
"""
