"""Samples ask for it; nothing is sent to anybody."""


def set_diagnostics_collection(send_diagnostics: bool = True, verbosity: object = None) -> None:
    """A stand-in: there is nothing to switch."""
