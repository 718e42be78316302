"""`mix`: every sound of the film, levelled, ducked and brought to the declared loudness."""

from __future__ import annotations

from filmforge.steps.work import Work


def run(work: Work) -> None:
    """Output `main`: WAV of exactly the film's samples at 48 kHz, stereo. Its loudness goes into the provenance."""
    from filmforge.editing.mix import Track, mix

    params = work.params
    tracks = [
        Track(
            path=path,
            role=track["role"],
            at_sample=track["at"],
            length=track["length"],
            offset=track["offset"],
            gain_db=track["gain"],
            duck_db=track["duck"],
            fade_in=track["fade_in"],
            fade_out=track["fade_out"],
        )
        for path, track in zip(work.several("track."), params["tracks"], strict=True)
    ]
    report = mix(
        work.out("main", ".wav"), samples=params["samples"], tracks=tracks, loudness=params["loudness"]
    )
    work.provenance |= {"mix": report.to_json()}
