"""Programs that a launch is made of: each runs on its own, with the standard library only.

`first.py` and `runit.py` also run on the environment's Python: 3.8 and newer.
"""
