"""`python -m toolkit.cli` is `aml-emu`."""

from toolkit.cli.app import main

main()
