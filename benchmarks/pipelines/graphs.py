"""Pipelines of trivial steps: the same commands for every side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ENVIRONMENT = "name: bench\ndependencies:\n  - python=3.11\n  - pip\n"


def write(folder: Path, *, wide: int, deep: int, salt: str = "") -> Path:
    """`wide` chains of `deep` steps, each of which appends a line to what the one before wrote."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "env.yml").write_text(ENVIRONMENT)
    lines = ["type: pipeline", "settings: {continue_on_step_failure: false}", "jobs:"]
    for chain in range(wide):
        for step in range(deep):
            before = "cat ${{inputs.i}}/x > ${{outputs.o}}/x; " if step else ""
            lines += [
                f"  c{chain}_{step}:",
                "    type: command",
                "    environment: ./env.yml",
                f"    command: {before}echo {salt}{chain}.{step} >> ${{{{outputs.o}}}}/x",
                "    outputs: {o: {type: uri_folder}}",
            ]
            if step:
                source = f"${{{{parent.jobs.c{chain}_{step - 1}.outputs.o}}}}"
                lines.append(f'    inputs: {{i: "{source}"}}')
    path = folder / "pipeline.yml"
    path.write_text("\n".join(lines) + "\n")
    return path


def commands(folder: Path, *, wide: int, deep: int) -> Iterator[list[str]]:
    """The chains as bare shell commands, which write below `folder`."""
    for chain in range(wide):
        line = []
        for step in range(deep):
            place = folder / f"c{chain}_{step}"
            before = f"cat {folder}/c{chain}_{step - 1}/x > {place}/x; " if step else ""
            line.append(f"mkdir -p {place}; {before}echo {chain}.{step} >> {place}/x")
        yield line


def write_large(folder: Path, count: int) -> Path:
    """A chain of component steps, for planning only."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "env.yml").write_text(ENVIRONMENT)
    (folder / "prep.yml").write_text(
        "name: prep\ntype: command\n"
        "inputs:\n  rows: {type: integer, default: 3}\n  raw: {type: uri_folder, optional: true}\n"
        "outputs:\n  out: {type: uri_folder}\nenvironment: ./env.yml\n"
        "command: echo ${{inputs.rows}} > ${{outputs.out}}/n.txt $[[; ls ${{inputs.raw}}]]\n"
    )
    lines = ["type: pipeline", "jobs:"]
    for step in range(count):
        lines += [f"  s{step}:", "    type: command", "    component: file:./prep.yml"]
        lines += ["    inputs:", f"      rows: {step + 1}"]
        if step:
            lines.append(f"      raw: ${{{{parent.jobs.s{step - 1}.outputs.out}}}}")
    path = folder / "pipeline.yml"
    path.write_text("\n".join(lines) + "\n")
    return path
