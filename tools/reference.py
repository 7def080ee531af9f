"""Write the reference of settings, command line, quirks and import columns from the code; `--check` compares only."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from ingufu.app.cli import main as command_line
from ingufu.app.settings import FLAGS, Setting, catalogue, sections
from ingufu.importing.columns import COLUMNS
from ingufu.importing.model import Kind
from ingufu.stations.quirks import reading
from ingufu.stations.quirks.model import Group, Match, Quirk

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- columns: written by tools/reference.py -->", "<!-- end of columns -->"
WIDTH = 100


def main() -> None:
    """Write the pages, or say which are not current."""
    pages = {
        DOCS / "reference" / "settings.md": settings_page(),
        DOCS / "reference" / "settings.toml": settings_file(),
        DOCS / "reference" / "command-line.md": commands_page(),
        DOCS / "reference" / "quirks.md": quirks_page(),
        DOCS / "how-to" / "import.md": with_columns((DOCS / "how-to" / "import.md").read_text(encoding="utf-8")),
    }
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.name} is not what the code says: run python tools/reference.py")
        sys.exit(1 if stale else 0)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")


def settings_page() -> str:
    """Return the page of all settings."""
    lines = [
        "# Settings",
        "",
        "Flags win over the environment, which wins over the file, which wins over defaults.",
        "The file is TOML, named by `--config` or `INGUFU_CONFIG`; [settings.toml](settings.toml) has all settings",
        "with their defaults.",
        "In the environment a setting is called `INGUFU_<SECTION>_<NAME>`, and a list has commas between its items.",
        "A wrong setting stops the start with a sentence that says which, where it stands and why.",
        "Files are looked for from the folder in which the program was started.",
    ]
    for section, about in sections().items():
        lines += ["", f"## {f'[{section}]' if section else 'Top of the file'}", "", about, ""]
        lines += ["| Setting | Must be | Default | Meaning |", "|---|---|---|---|"]
        lines += [_row(setting) for setting in _of(section)]
    return "\n".join(lines) + "\n"


def settings_file() -> str:
    """Return an example file in which every setting stands with its default, as a comment."""
    lines = ["# All settings of Ingufu with their defaults. Remove the sign before those that you change."]
    for section, about in sections().items():
        lines += ["", f"# {about}"]
        if section:
            lines += [f"[{section}]"]
        for setting in _of(section):
            name = setting.path.rpartition(".")[2]
            lines += [f"# {setting.meaning}", f"#{name} = {_toml(setting.default)}"]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return the page of all commands with their help."""
    lines = [
        "# Command line",
        "",
        "Settings can be given to every command that reads them: by `--config`, the environment and flags, see",
        "[settings](settings.md).",
        "Exit codes: 0 done, 1 not done (a sentence on standard error says why), 2 wrong settings or arguments,",
        "130 interrupted.",
    ]
    for path, command in _commands(command_line, "ingufu"):
        lines += ["", f"{'#' * min(2 + path.count(' ') - 1, 4)} {path}", "", "```text", _help(path, command), "```"]
    return "\n".join(lines) + "\n"


def quirks_page() -> str:
    """Return the page of all quirks."""
    lines = [
        "# Quirks of stations",
        "",
        "What is known to be odd about stations in the field, and what is done about it.",
        "A quirk is chosen by vendor, model and firmware as the station's boot tells them, some by its identity before",
        "that; those of everybody are coped with whoever shows them.",
        "An operator switches a quirk on or off for a station, on its page in the console or by",
        "`PUT /api/v1/stations/{station}/quirks/{number}`.",
        "How often each was met stands there too, and under `ingufu_quirks_met_total` of `/metrics`.",
        "How to write your own: [odd stations](../how-to/odd-stations.md).",
    ]
    for group in Group:
        lines += [
            "",
            f"## {_GROUPS[group]}",
            "",
            "| # | Quirk | What is odd | What is done | Chosen for |",
            "|---:|---|---|---|---|",
        ]
        lines += [_quirk_row(quirk) for quirk in reading.shipped() if quirk.group is group]
    lines += ["", "## Where they were reported", ""]
    lines += [f"- {quirk.number}: {_cell(quirk.reference)}." for quirk in reading.shipped()]
    return "\n".join(lines) + "\n"


_GROUPS = {
    Group.TRANSPORT: "Handshake and transport",
    Group.COMMANDS: "Boot, configuration and commands",
    Group.TRANSACTIONS: "Transactions and cards",
    Group.MEASUREMENT: "Measurement, times and status",
    Group.SMART_CHARGING: "Smart charging",
}


def _quirk_row(quirk: Quirk) -> str:
    chosen = "; ".join(_match_words(match) for match in quirk.match)
    if quirk.is_general:
        chosen = "everybody"
    elif not chosen:
        chosen = "switched on for a station"
    title = f"**{_cell(quirk.title)}**<br>{_cell(quirk.who)}"
    return f"| {quirk.number} | {title} | {_cell(quirk.odd)} | {_cell(quirk.cope)} | {chosen} |"


def _match_words(match: Match) -> str:
    named = ((name, getattr(match, name)) for name in match.__struct_fields__)
    return ", ".join(f"{name.replace('_', ' ')} `{_cell(value)}`" for name, value in named if value is not None)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def with_columns(page: str) -> str:
    """Return the page with the tables of columns between their marks written anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [BEGIN]
    for kind in Kind:
        lines += ["", f"### {kind}", "", "| Column | Holds | Meaning |", "|---|---|---|"]
        for column in COLUMNS[kind]:
            name = f"**`{column.name}`**" if column.is_key else f"`{column.name}`"
            lines.append(f"| {name} | {column.form} | {column.meaning} |")
    return before + "\n".join([*lines, "", END]) + after


def _of(section: str) -> list[Setting]:
    return [setting for setting in catalogue().values() if setting.path.rpartition(".")[0] == section]


def _row(setting: Setting) -> str:
    flag = f" (`{FLAGS[setting.path]}`)" if setting.path in FLAGS else ""
    default = _toml(setting.default)
    return f"| `{setting.path}`{flag} | {setting.requirement} | `{default}` | {setting.meaning} |"


def _toml(value: object) -> str:
    return "[]" if isinstance(value, tuple) else msgspec.json.encode(value).decode()


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")


def _help(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, max_content_width=WIDTH, terminal_width=WIDTH)
    return inspect.cleandoc(command.get_help(context))


if __name__ == "__main__":
    main()
