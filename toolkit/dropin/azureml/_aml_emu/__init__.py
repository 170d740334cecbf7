"""What the public modules stand on: the link to the emulator, values, and words for what lacks."""
