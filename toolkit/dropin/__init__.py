"""Luggage: the `azureml` of jobs and of v1 scripts, where the real one is missing.

This folder goes on `sys.path`, behind what is installed. Standard library only, Python 3.8 on;
nothing in it imports the toolkit. Written from Microsoft's public documentation and samples.
"""
