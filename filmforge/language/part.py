"""What all parts of a film have in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """What all parts of a film share: they never change, and know no keys but their own."""

    # Film is read at every start; the validators of its parts alone are built when one is asked for.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)
