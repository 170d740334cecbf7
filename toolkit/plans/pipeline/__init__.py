"""A pipeline as a value: steps, edges between them, in an order that can be walked."""
