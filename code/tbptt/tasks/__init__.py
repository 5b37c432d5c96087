"""Data to learn from: tasks with a known answer, and real series that ship with libraries."""

from tbptt.tasks.echo import echo_floors, echo_language
from tbptt.tasks.labelled import labelled_sequences
from tbptt.tasks.memory import first_step_memory
from tbptt.tasks.series import carbon_dioxide, carbon_dioxide_raw, digits, sunspots

__all__ = [
    "carbon_dioxide",
    "carbon_dioxide_raw",
    "digits",
    "echo_floors",
    "echo_language",
    "first_step_memory",
    "labelled_sequences",
    "sunspots",
]
