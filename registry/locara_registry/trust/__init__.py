"""The signing side of trust: certificates, timestamps, the log, the TUF repository, revocations."""
