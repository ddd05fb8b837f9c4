"""The engines that look for findings: atheris, guided by coverage, and Hypothesis, guided by what happened."""
