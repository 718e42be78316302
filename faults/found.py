"""What a fault came to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Found:
    """How often a fault was done, and each time that filmforge did not stand it. `unit`: what is counted."""

    what: str
    shown: str
    unit: str
    done: int = 0
    failures: list[str] = field(default_factory=list)
    note: str = ""

    def check(self, right: bool, otherwise: str) -> None:
        """Note a failure unless `right`."""
        if not right:
            self.failures.append(otherwise[:600])

    @property
    def verdict(self) -> str:
        """`held`, `FAILED`, or `not done` where this machine does not allow it."""
        return "FAILED" if self.failures else "held" if self.done else "not done"
