"""What a v1 script asks of the emulator while `aml-emu python` runs it: JSON calls, no HTTP."""
