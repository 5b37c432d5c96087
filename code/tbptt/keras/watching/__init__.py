"""What every border does to the carried state in ``fit``, ``evaluate`` and ``predict``."""
