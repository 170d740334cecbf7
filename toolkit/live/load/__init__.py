"""Load on an endpoint, made by locust in a process of its own."""
