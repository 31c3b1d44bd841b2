"""`beacon ci`: the telemetry of coding agents in a CI job."""
