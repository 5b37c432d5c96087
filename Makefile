# `make book` and `make test` need make and a Python that the book can use, and do the rest themselves.
# macOS has GNU make 3.81, so nothing here is newer than that.

# TensorFlow has no wheel for 3.14 yet; Debian's Python comes without ensurepip.
FITS := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c '$(FITS)' >/dev/null 2>&1 && echo $$each && break; done)
# Lay out an environment: $(call environment,FOLDER) and what `pip install` would be told.
environment = "$(PYTHON)" -c '$(FITS)' 2>/dev/null || { \
		echo 'The book needs Python 3.11, 3.12 or 3.13 with venv: install python3.13' \
			'(and python3.13-venv on Debian or Ubuntu), or name one: make PYTHON=...' >&2; exit 1; }; \
	"$(PYTHON)" code/bookbuild/environment.py $(1)
# Some containers forbid Python to keep what it compiles: every start would compile TensorFlow again.
unexport PYTHONDONTWRITEBYTECODE
PORT ?= 8000
SPHINX := --conf-dir code/bookbuild --doctree-dir _build/.doctrees/html
BIN := .venv/bin
READY := .venv/ready
COLAB := _build/colab/ready
BINDER := _build/binder/ready
OTHERS := _build/others/ready
EXTRAS := torch tensorflow pictures series experiments
comma := ,
space := $() $()

.PHONY: book notebooks branch serve test lint lock links browser clean pdf notes release wheel lowest jax \
	audit launch library sliders \
	check \
	_build/wheel

book: $(READY)  ## build the book into _build/html
	$(BIN)/python -m bookbuild

notebooks: $(READY)  ## make notebooks from the chapters, in _build/notebooks
	$(BIN)/python -m bookbuild --notebooks

branch: notebooks  ## what Binder and Colab open: this commit and its notebooks, in _build/branch
	rm -rf _build/branch && mkdir -p _build/branch
	git archive HEAD ':!.github' | tar -x -C _build/branch
	cp -R _build/notebooks/. _build/branch

pdf: $(READY)  ## the whole book in one file, _build/truncated-time.pdf
	$(BIN)/python -m bookbuild --pdf

# The version and its date: the package's, the citation's, the changelog's, and in GitHub's workflow the
# tag's.
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' code/tbptt/__init__.py)
DATE = $(shell sed -n 's/^date-released: *//p' CITATION.cff)
PART = $(VERSION) ($(DATE))
RELEASE = _build/release/truncated-time-$(VERSION)
no = { echo '$(1)' >&2; exit 1; }

notes:  ## what the changelog says of this version, in _build/notes.md; and whether the files agree
	@grep -qx 'version: $(VERSION)' CITATION.cff || \
		$(call no,CITATION.cff has another version than tbptt.__version__: not $(VERSION).)
	@test "$$GITHUB_REF_TYPE" != tag || test "$$GITHUB_REF_NAME" = 'v$(VERSION)' || \
		$(call no,The tag is not v$(VERSION) of tbptt.__version__.)
	@mkdir -p _build
	@awk -v part='## $(PART)' '/^## / { on = $$0 == part; next } on' CHANGELOG.md > _build/notes.md
	@grep -q '[^ ]' _build/notes.md || \
		$(call no,CHANGELOG.md has no part $(PART) with words in it; its date is that of CITATION.cff.)

release: notes pdf  ## what a release attaches, in _build/release
	rm -rf _build/release && mkdir -p $(RELEASE)
	$(BIN)/python -m hatchling build --directory _build/release
	cp _build/truncated-time.pdf $(RELEASE).pdf
	cp -R _build/html/. $(RELEASE)  # so that it unpacks into a folder of its own
	cd _build/release && ../../$(BIN)/python -m zipfile -c $(notdir $(RELEASE)).zip $(notdir $(RELEASE))
	rm -r $(RELEASE)
	mv _build/notes.md _build/release

links: $(READY)  ## ask every other site that the book links to
	$(BIN)/python -m bookbuild --execute
	$(BIN)/sphinx-build --builder linkcheck --fail-on-warning --keep-going --quiet \
		$(SPHINX) . _build/linkcheck

browser: $(READY)  ## the browser that Playwright brings: Chromium, or BROWSER=firefox or webkit
	$(BIN)/playwright install --with-deps $(or $(filter firefox webkit,$(BROWSER)),chromium)

sliders: book  ## every page and slider in another browser: BROWSER=firefox or webkit
	$(BIN)/python -m pytest tests/site/test_browser.py

serve: book  ## open the book and rebuild it as you write
	$(BIN)/sphinx-autobuild --open-browser --delay 1 --no-initial --port $(PORT) \
		--pre-build "$(BIN)/python -m bookbuild --execute" \
		--ignore _build --ignore tests --re-ignore '/__pycache__/' \
		$(SPHINX) . _build/html

# Two processes share two cores: with threads of their own that wait for each other, they take
# nearly twice as long.
ONE_THREAD := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest
# In the order of tests/conftest.py, which puts the longest first.
BESIDE := --numprocesses 2 --dist loadgroup --no-loadscope-reorder

# What an author runs all day: lint, types, the packages' tests without the slow ones, and what the
# chapters in hand claim (those that differ from the last commit, or CHAPTERS="windowing stateful").
CHAPTERS ?= $(shell git diff --name-only HEAD -- chapters 2>/dev/null | sed -n 's:^chapters/\([a-z-]*\)\.md$$:\1:p')
CLAIMS = $(wildcard $(foreach chapter,$(subst -,_,$(CHAPTERS)),tests/chapters/test_$(chapter).py))
check: lint  ## what an author runs all day: lint, types, quick tests, the claims of the chapters in hand
	$(if $(CLAIMS),$(BIN)/python -m bookbuild)
	$(PYTEST) $(BESIDE) -m "not audit and not slow" --quiet tests/tbptt tests/truncated_time $(CLAIMS)

test: $(READY)  ## what CI checks on every change
	$(MAKE) --jobs=2 lint book
	$(PYTEST) $(BESIDE) -m "not audit" --ignore tests/launch tests

launch: book notebooks $(COLAB) $(BINDER)  ## chapters as Colab and Binder run them
	$(BIN)/python -m pytest -m "not audit" tests/launch

audit: book notebooks $(COLAB) $(BINDER) $(OTHERS)  ## the rest: a second build, a new chapter, every notebook and page
	EXAMPLES=300 $(BIN)/python -m pytest -m "audit or hypothesis" tests

# Alone, outside the tree. What another version warns of is no failure of this one.
OUTSIDE := pytest pytest-xdist hypothesis polars
SHARED := tests/engines.py tests/offers.py tests/public_loops tests/recurrences.py tests/wrapped.py
define outside
	away=$$(mktemp -d) && mkdir "$$away/tests" && \
		cp -R tests/tbptt tests/truncated_time $(SHARED) "$$away/tests" && cd "$$away" && \
		CI=true $(ONE_THREAD) "$(CURDIR)/$(1)/bin/python" -m pytest --numprocesses 2 --dist loadfile \
		--import-mode=importlib -o pythonpath=tests tests
endef

_build/wheel: $(READY)
	rm -rf $@ && $(BIN)/python -m hatchling build --target wheel --directory $@

wheel: _build/wheel  ## the wheel: each extra by itself, then the package's tests with all of them
	for extra in $(EXTRAS); do \
		rm -rf _build/installed && \
		$(call environment,_build/installed) --constraint requirements.lock \
			"$$(ls _build/wheel/*.whl)[$$extra]" && \
		(cd tests && ../_build/installed/bin/python extras.py $$extra) || exit 1; \
	done
	rm -rf _build/installed
	@$(call environment,_build/installed) --constraint requirements.lock $(OUTSIDE) \
		"$$(ls _build/wheel/*.whl)[$(subst $(space),$(comma),$(EXTRAS))]"
	$(call outside,_build/installed)

lowest: _build/wheel  ## the package's tests with the oldest versions that it declares
	$(BIN)/uv pip compile pyproject.toml --resolution lowest-direct --quiet --no-config \
		--universal --python-version 3.11 $(foreach extra,$(EXTRAS),--extra $(extra)) \
		--output-file _build/lowest.txt
	rm -rf _build/lowest
	@$(call environment,_build/lowest) --requirement _build/lowest.txt $(OUTSIDE)
	@$(call environment,_build/lowest) --no-deps _build/wheel/*.whl
	$(call outside,_build/lowest)

jax: _build/wheel  ## the tests of carried state in Keras on JAX, where there is no TensorFlow
	rm -rf _build/jax
	@$(call environment,_build/jax) --constraint requirements.lock --group jax $(OUTSIDE) \
		"$$(ls _build/wheel/*.whl)[torch,series]"
	export KERAS_BACKEND=jax; $(call outside,_build/jax)/tbptt/keras

WITH ?= $(PYTHON)
OF_TENSORFLOW := keras tensorflow test_canaries.py test_conformance.py test_continuity_public.py test_gates.py test_offers.py
library: _build/wheel  ## the package's tests on another Python, with PyTorch: WITH=python3.14
	rm -rf _build/library
	"$(WITH)" code/bookbuild/environment.py _build/library --constraint requirements.lock \
		$(OUTSIDE) "$$(ls _build/wheel/*.whl)[torch,series]"
	$(call outside,_build/library) --ignore=tests/truncated_time \
		$(foreach part,$(OF_TENSORFLOW),--ignore=tests/tbptt/$(part))

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/deptry code/tbptt code/truncated_time
	$(BIN)/deptry code tests --non-dev-dependency-groups keras,book,launch,tests

lock: $(READY)  ## raise every pin in requirements.lock
	$(BIN)/uv pip compile pyproject.toml --upgrade --quiet \
		--custom-compile-command "make lock" --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --upgrade --quiet --no-config --universal --no-annotate \
		--python-version 3.11 --group launch --extra pictures --extra series --constraint requirements.lock \
		--custom-compile-command "make lock" --output-file binder/requirements.txt

$(READY): requirements.lock pyproject.toml
	@$(call environment,.venv) -r requirements.lock
	@$(call environment,.venv) --no-deps -e .
	touch $@

# An environment with what Colab has: the pins leave nothing to solve.
$(COLAB): tests/launch/colab.txt | $(READY)
	rm -rf $(@D)
	@$(call environment,$(@D)) -r $<
	touch $@

# And one with what Binder would install; conda's PyTorch is the one of the lock here.
$(BINDER): binder/requirements.txt requirements.lock | $(READY)
	rm -rf $(@D)
	@$(call environment,$(@D)) -r $< "$$(grep '^torch==' requirements.lock)"
	touch $@

# And one with the packages whose loops a chapter has listings for.
$(OTHERS): pyproject.toml requirements.lock | $(READY)
	rm -rf $(@D)
	@$(call environment,$(@D)) --constraint requirements.lock --group others torch
	touch $@

clean:
	rm -rf _build
