"""Walking a pipeline's graph: which steps run, are reused, wait or are left out."""
