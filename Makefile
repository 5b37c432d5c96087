# `make book` and `make test` need Python 3.11+, git and make, and do the rest themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
COLAB := _build/colab/ready
BINDER := _build/binder/ready

.PHONY: book pdf notebooks branch serve test lint lock links browser clean

book: $(READY)  ## build the book into _build/html
	$(BIN)/python -m bookbuild

pdf: $(READY)  ## the book as one file, printed by a browser: _build/truncated-time.pdf
	$(BIN)/python -m bookbuild --pdf

notebooks: $(READY)  ## make notebooks from the chapters, in _build/notebooks
	$(BIN)/python -m bookbuild --notebooks

branch: notebooks  ## what Binder and Colab open: this commit and its notebooks, in _build/branch
	rm -rf _build/branch && mkdir -p _build/branch
	git archive HEAD ':!.github' | tar -x -C _build/branch
	cp -R _build/notebooks/. _build/branch

links: $(READY)  ## ask every other site that the book links to
	$(BIN)/python -m bookbuild --links

browser: $(READY)  ## the browser that Playwright brings, where no Chromium is installed
	$(BIN)/playwright install --with-deps chromium

serve: $(READY)  ## open the book and rebuild it as you write
	$(BIN)/python -m bookbuild.serve

test: lint book notebooks $(COLAB) $(BINDER)  ## everything that CI checks
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

lock: $(READY)  ## raise every pin in requirements.lock
	$(BIN)/uv pip compile pyproject.toml --upgrade --quiet \
		--custom-compile-command "make lock" --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --upgrade --quiet --no-config --universal --no-annotate \
		--python-version 3.11 --extra launch --constraint requirements.lock \
		--custom-compile-command "make lock" --output-file binder/requirements.txt

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# An environment with what Colab has. pip lays it out: the pins leave nothing to solve.
$(COLAB): tests/launch/colab.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# And one with what Binder would install; conda's PyTorch is the one of the lock here.
$(BINDER): binder/requirements.txt requirements.lock
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $< \
		"$$(grep '^torch==' requirements.lock)"
	touch $@

clean:
	rm -rf _build
