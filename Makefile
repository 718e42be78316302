# Two commands do everything on a fresh machine with Python, make and git: `make film` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

LOWEST := .venv-lowest

.PHONY: film test rows lowest setup check format generated pocket pocket-report benchmarks faults traps clean

film: $(READY)  ## set up, and build projects/lantern
	$(BIN)/filmforge build projects/lantern/film.yaml

test: $(READY)  ## set up, and run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

rows: $(READY)  ## what runs again, every row of it, on a real pocket film: a quarter of an hour
	$(BIN)/python -m pytest --all-rows tests/building/test_rows_on_pocket.py

lowest:  ## the tests with the oldest releases that pyproject.toml allows, in an environment of its own
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --python $(LOWEST)/bin/python --resolution lowest-direct -e '.[dev]'
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

check: $(READY)  ## format, lint, types, and that what is generated is current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/generated.py --check

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generated: $(READY)  ## write the JSON Schema and the pages of command help anew
	$(BIN)/python scripts/generated.py

pocket: $(READY)  ## make the weights of pocket anew: hours on two cores, minutes on a GPU
	$(BIN)/python -m pocket.make

pocket-report: $(READY)  ## measure pocket, and write its contact sheets: an hour and a half on two cores
	$(BIN)/python -m pocket.report
	$(BIN)/python -m pocket.likeness

benchmarks: $(READY)  ## measure speed and memory against peers: forty minutes on an idle machine, half of them DVC's
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks

faults: $(READY)  ## kill, damage, fill and disturb, hundreds of times: hours; the short form is in `make test`
	$(BIN)/python -m faults

traps: $(READY)  ## put every known mistake back into a copy, one by one, and see a test fail: four minutes
	$(BIN)/python -m traps

clean:
	rm -rf $(VENV) $(LOWEST)
