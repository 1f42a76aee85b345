"""``streamproc corrections``: what teachers have overruled."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamproc import settings as settings_module
from streamproc.terminal import counted, example, safe

_WHY = {
    "result": "corrected result is not in its topic any more",
    "recording": "recording is not there any more, or may not be read (STREAMPROC_AUDIO__ALLOWED_PREFIXES)",
    "unjudged": "phrase has a word without a verdict",
    "unreadable": "correction cannot be read",
    "no_word": "correction is of a word that its result does not have there",
}


@click.group()
def command() -> None:
    """Corrections: teachers overrule verdicts on words, and what they say is labelled data."""


@command.command(epilog=example("corrections export labelled", "models evaluate labelled"))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def export(folder: Path, as_json: bool) -> None:
    """Write corrected phrases to a folder, with their recordings.

    FOLDER, new or empty, is what `streamproc models evaluate` reads. Activities are kept for a week, corrections for a
    year: export weekly, before recordings are gone. FOLDER holds children's voices and is made readable for you alone;
    learners have other names in it.
    """
    from streamproc.training.correction_export import export as write  # takes half a second to import

    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{safe(folder)} is not empty: name a new folder.")
    tree = settings_module.load()
    try:
        done = write(tree, folder)
    except OSError as error:
        raise click.ClickException(f"{safe(folder)}: {error.strerror}") from None
    if as_json:
        click.echo(json.dumps({"clips": done.clips, "left_out": done.left_out, "folder": str(folder)}))
        return
    click.echo(f"{counted(done.clips, 'clip')} in {safe(folder)}")
    for why, count in done.left_out.items():
        click.echo(f"left out, {count}: {_WHY[why]}", err=True)
