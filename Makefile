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
BIN := .venv/bin
READY := .venv/ready
COLAB := _build/colab/ready
BINDER := _build/binder/ready
EXTRAS := torch tensorflow pictures series experiments
comma := ,
space := $() $()

.PHONY: book notebooks branch serve test lint lock links browser clean pdf release wheel lowest audit \
	launch library sliders \
	test-launched test-rest \
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

release: $(READY)  ## what a release attaches, in _build/release
	$(BIN)/python -m bookbuild --release

links: $(READY)  ## ask every other site that the book links to
	$(BIN)/python -m bookbuild --links

browser: $(READY)  ## the browser that Playwright brings: Chromium, or BROWSER=firefox or webkit
	$(BIN)/playwright install --with-deps $(or $(filter firefox webkit,$(BROWSER)),chromium)

sliders: book  ## every page and slider in another browser: BROWSER=firefox or webkit
	$(BIN)/python -m pytest tests/site/test_browser.py

serve: $(READY)  ## open the book and rebuild it as you write
	$(BIN)/python -m bookbuild.serve

test: lint  ## what CI checks, but for the audit
	$(MAKE) --jobs=2 book $(COLAB) $(BINDER)
	$(MAKE) notebooks
	$(MAKE) --jobs=2 --output-sync test-launched test-rest
	$(BIN)/python -m pytest -m "not audit" $(ALONE)

launch: book notebooks $(COLAB) $(BINDER)  ## chapters as Colab and Binder run them
	$(BIN)/python -m pytest -m "not audit" tests/launch

audit: book notebooks $(COLAB) $(BINDER)  ## the rest: a second build, a new chapter, every notebook and page
	$(BIN)/python -m pytest -m audit tests

# Two halves at the same time, and then what asks for a machine that does nothing else.
LAUNCHED := tests/launch tests/test_faults.py tests/site/test_accessibility.py \
	tests/site/test_html.py tests/site/test_pages.py tests/site/test_print.py \
	tests/site/test_icons.py
ALONE := tests/site/test_browser.py tests/site/test_lighthouse.py

test-launched:
	$(BIN)/python -m pytest -m "not audit" $(LAUNCHED)

test-rest:
	$(BIN)/python -m pytest -m "not audit" $(foreach part,$(LAUNCHED) $(ALONE),--ignore=$(part))

# Alone, outside the tree. What another version warns of is no failure of this one.
define outside
	away=$$(mktemp -d) && mkdir "$$away/tests" && cp -R tests/tbptt "$$away/tests" && \
		cd "$$away" && CI=true "$(CURDIR)/$(1)/bin/python" -m pytest --import-mode=importlib tests
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
	@$(call environment,_build/installed) --constraint requirements.lock pytest hypothesis \
		"$$(ls _build/wheel/*.whl)[$(subst $(space),$(comma),$(EXTRAS))]"
	$(call outside,_build/installed)

lowest: _build/wheel  ## the package's tests with the oldest versions that it declares
	$(BIN)/uv pip compile pyproject.toml --resolution lowest-direct --quiet --no-config \
		--universal --python-version 3.11 $(foreach extra,$(EXTRAS),--extra $(extra)) \
		--output-file _build/lowest.txt
	rm -rf _build/lowest
	@$(call environment,_build/lowest) --requirement _build/lowest.txt pytest hypothesis
	@$(call environment,_build/lowest) --no-deps _build/wheel/*.whl
	$(call outside,_build/lowest)

WITH ?= $(PYTHON)
library: _build/wheel  ## the package's tests on another Python, with PyTorch: WITH=python3.14
	rm -rf _build/library
	"$(WITH)" code/bookbuild/environment.py _build/library --constraint requirements.lock \
		pytest hypothesis "$$(ls _build/wheel/*.whl)[torch,series]"
	$(call outside,_build/library) $(foreach part,keras tensorflow test_gates.py,--ignore=tests/tbptt/$(part))

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
		--python-version 3.11 --extra launch --constraint requirements.lock \
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

clean:
	rm -rf _build
