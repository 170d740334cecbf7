"""The front door of an endpoint: one process that shares out requests as the cloud does."""
