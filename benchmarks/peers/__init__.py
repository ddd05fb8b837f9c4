"""The programs that are measured, each one process."""
