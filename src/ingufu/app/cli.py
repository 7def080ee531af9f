"""The command line: `ingufu serve`, and what an operator does beside it."""

from ingufu.app.commands.lazy import LazyGroup

main = LazyGroup(
    name="ingufu",
    package="ingufu.app.commands",
    commands={
        "serve": "serving:serve",
        "demo": "demo:demo",
        "simulate": "simulate:simulate",
        "admin": "admin:admin",
        "doctor": "doctor:doctor",
        "migrate": "storage:migrate",
        "backup": "storage:backup",
        "restore": "storage:restore",
        "web": "web:web",
        "version": "version:show_version",
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Ingufu: charging station management for OCPP 1.6, 2.0.1 and 2.1.",
)
