"""What a project remembers: runs, metrics, assets. SQLite and folders under `.aml-emu/`."""
