"""Actions, the only code that may change a machine, and the library of playbooks."""
