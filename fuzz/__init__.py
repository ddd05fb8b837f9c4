"""Fuzzing: targets that say what must hold for any bytes, engines that look for bytes for which it does not.

``python -m fuzz --help`` says how to run one.
"""
