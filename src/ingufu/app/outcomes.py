"""How a process of ours ends, for scripts, service managers and the process that started it."""

SAID = "ingufu: "  # stands before the sentence that says why, on standard error
FAILED = 1  # exit code: it could not be done
WRONG_USE = 2  # exit code: settings or arguments are wrong
INTERRUPTED = 130  # exit code: Ctrl-C, as shells have it
