# `make book` and `make test` need Python 3.11+, git and make, and do the rest themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
OLD_WIDGETS := _build/ipywidgets7/ready

.PHONY: book notebooks serve test lint lock clean

book: $(READY)  ## build the book into _build/html
	$(BIN)/python -m bookbuild

notebooks: $(READY)  ## make notebooks from the chapters, in _build/notebooks
	$(BIN)/python -m bookbuild --notebooks

serve: $(READY)  ## open the book and rebuild it as you write
	$(BIN)/python -m bookbuild.serve

test: lint book notebooks $(OLD_WIDGETS)  ## everything that CI checks
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

lock: $(READY)  ## raise every pin in requirements.lock
	$(BIN)/uv pip compile pyproject.toml --upgrade --quiet \
		--custom-compile-command "make lock" --output-file requirements.lock

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# The widgets that Colab has, beside ours, for the tests of the explorers.
$(OLD_WIDGETS): $(READY) tests/tbptt/ipywidgets7.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(@D) -r tests/tbptt/ipywidgets7.txt
	touch $@

clean:
	rm -rf _build
