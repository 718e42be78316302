"""`pick`: of the takes that were made, the one that goes into the cut, by likeness."""

from __future__ import annotations

import json
import shutil

from filmforge.steps.work import Work


def run(work: Work) -> None:
    """Outputs `main`, the picture of the take that was chosen, and `report`: its seed, and what each was found to be.

    The first take stays where it gives every character what is asked. Else the take is chosen whose worst character
    has most to spare, or lacks least; the earlier of two that are alike.
    """
    asked: dict[str, float] = work.params["asked"]
    takes = sorted(role for role in work.inputs if role.startswith("take."))
    found: dict[str, dict[str, float]] = {}
    for role in takes:
        report = json.loads(work.inputs[role.replace("take.", "likeness.", 1)].read_text(encoding="utf-8"))
        found[role] = {who: report[who]["likeness"] for who in asked}

    def spare(role: str) -> float:
        return min(found[role][who] - least for who, least in asked.items())

    chosen = takes[0] if spare(takes[0]) >= 0 else max(takes, key=spare)
    report = {"seed": _seed(chosen), "likeness": {str(_seed(role)): found[role] for role in takes}}
    picture = work.inputs[chosen]
    shutil.copyfile(picture, work.out("main", picture.suffix or ".mkv"))
    work.out("report", ".json").write_text(json.dumps(report, sort_keys=True), encoding="utf-8")
    work.provenance |= {"pick": report}


def _seed(role: str) -> int:
    return int(role.rsplit(".", 1)[1])
