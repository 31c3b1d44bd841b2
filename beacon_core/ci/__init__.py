"""A session in CI: a pipeline beside one job, from its start over the agents' work to its receipt.

Nothing here imports what a pipeline needs: the pipeline is a process of its own (`sidecar`), and the job waits for what
is imported here.
"""
