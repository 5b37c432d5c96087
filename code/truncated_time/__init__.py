"""What the book *Truncated Time* needs as well as the library `tbptt`.

Explorers and figures, exercises that check answers, tasks with a known answer, long experiments and
their shipped results. Importing the package imports nothing else; its rooms are imported by name.
"""
