"""Data to learn from: tasks with a known answer, and real series that ship with libraries."""

from truncated_time.tasks.echo import echo_floors, echo_language
from truncated_time.tasks.labelled import labelled_sequences
from truncated_time.tasks.log import machine_log, machine_log_floors
from truncated_time.tasks.memory import first_step_memory
from truncated_time.tasks.series import (
    carbon_dioxide,
    carbon_dioxide_raw,
    digits,
    sea_temperature,
    sunspots,
)

__all__ = [
    "carbon_dioxide",
    "carbon_dioxide_raw",
    "digits",
    "echo_floors",
    "echo_language",
    "first_step_memory",
    "labelled_sequences",
    "machine_log",
    "machine_log_floors",
    "sea_temperature",
    "sunspots",
]
