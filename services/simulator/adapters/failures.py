"""Name what can go wrong before the simulator serves: the message is for the person who started it."""


class DataError(Exception):
    """A folder or file of recorded candles is missing, empty or broken; the message names it."""
