"""Luggage that travels into the container: the debugger's door, reloads, and the server's hooks.

Standard library and debugpy only, Python 3.8 and newer, relative imports only: in an image this
package is called `aml_emu`.
"""
