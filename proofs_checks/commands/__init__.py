"""The subcommands of ``logitreg``, one module for each, loaded when they are called."""
