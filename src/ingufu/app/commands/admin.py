"""`ingufu admin`: the register, from the shell."""

from ingufu.app.commands.lazy import LazyGroup

admin = LazyGroup(
    name="admin",
    package="ingufu.app.commands",
    commands={
        "import": "admin_import:import_file",
        "user": "admin_users:user",
        "key": "admin_keys:key",
        "site": "admin_sites:site",
        "station": "admin_stations:station",
        "token": "admin_tokens:token",
        "group": "admin_tokens:group",
        "driver": "admin_tokens:driver",
        "authority": "admin_authorities:authority",
        "audit": "admin_audit:audit",
        "reports": "admin_reports:reports",
    },
    help="Look after users, keys, sites, stations, tokens, groups, drivers, authorities, reports, the audit trail.",
)
