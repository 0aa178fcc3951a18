"""Checks that nothing leaves the machine and that secrets stay out of logs."""
