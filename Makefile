# `make book` and `make test` need Python 3.11+, git and make, and do the rest themselves.
PYTHON ?= python3
PORT ?= 8000
SPHINX := --conf-dir code/bookbuild --doctree-dir _build/.doctrees/html
BIN := .venv/bin
READY := .venv/ready
COLAB := _build/colab/ready
BINDER := _build/binder/ready
EXTRAS := torch tensorflow pictures series experiments
comma := ,
space := $() $()
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: book notebooks branch serve test lint lock links browser clean pdf notes release wheel lowest audit \
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
	cd _build/release && $(CURDIR)/$(BIN)/python -m zipfile -c $(notdir $(RELEASE)).zip $(notdir $(RELEASE))
	rm -r $(RELEASE)
	mv _build/notes.md _build/release

links: $(READY)  ## ask every other site that the book links to
	$(BIN)/python -m bookbuild --execute
	$(BIN)/sphinx-build --builder linkcheck --fail-on-warning --keep-going --quiet \
		$(SPHINX) . _build/linkcheck

browser: $(READY)  ## the browser that Playwright brings, where no Chromium is installed
	$(BIN)/playwright install --with-deps chromium

serve: book  ## open the book and rebuild it as you write
	$(BIN)/sphinx-autobuild --open-browser --delay 1 --no-initial --port $(PORT) \
		--pre-build "$(BIN)/python -m bookbuild --execute" \
		--ignore _build --ignore tests --re-ignore '/__pycache__/' \
		$(SPHINX) . _build/html

test: lint  ## what CI checks, but for the audit
	$(MAKE) --jobs=2 book $(COLAB) $(BINDER)
	$(MAKE) notebooks
	$(MAKE) --jobs=2 --output-sync test-launched test-rest
	$(BIN)/python -m pytest -m "not audit" $(ALONE)

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
	away=$$(mktemp -d) && mkdir $$away/tests && cp -R tests/tbptt $$away/tests && cd $$away && \
		CI=true $(CURDIR)/$(1)/bin/python -m pytest --import-mode=importlib tests
endef

_build/wheel: $(READY)
	rm -rf $@ && $(BIN)/python -m hatchling build --target wheel --directory $@

wheel: _build/wheel  ## the wheel: each extra by itself, then the package's tests with all of them
	for extra in $(EXTRAS); do \
		$(PYTHON) -m venv --clear _build/installed && \
		_build/installed/bin/python $(PIP) --constraint requirements.lock \
			"tbptt[$$extra] @ file://$$(ls $(CURDIR)/_build/wheel/*.whl)" && \
		(cd tests && ../_build/installed/bin/python extras.py $$extra) || exit 1; \
	done
	$(PYTHON) -m venv --clear _build/installed
	_build/installed/bin/python $(PIP) --constraint requirements.lock pytest hypothesis \
		"tbptt[$(subst $(space),$(comma),$(EXTRAS))] @ file://$$(ls $(CURDIR)/_build/wheel/*.whl)"
	$(call outside,_build/installed)

lowest: _build/wheel  ## the package's tests with the oldest versions that it declares
	$(BIN)/uv pip compile pyproject.toml --resolution lowest-direct --quiet --no-config \
		--universal --python-version 3.11 $(foreach extra,$(EXTRAS),--extra $(extra)) \
		--output-file _build/lowest.txt
	$(PYTHON) -m venv --clear _build/lowest
	_build/lowest/bin/python $(PIP) --requirement _build/lowest.txt pytest hypothesis
	_build/lowest/bin/python $(PIP) --no-deps _build/wheel/*.whl
	$(call outside,_build/lowest)

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
	$(BIN)/python $(PIP) -r requirements.lock
	$(BIN)/python $(PIP) --no-deps -e .
	touch $@

# An environment with what Colab has. pip lays it out: the pins leave nothing to solve.
$(COLAB): tests/launch/colab.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python $(PIP) -r $<
	touch $@

# And one with what Binder would install; conda's PyTorch is the one of the lock here.
$(BINDER): binder/requirements.txt requirements.lock
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python $(PIP) -r $< \
		"$$(grep '^torch==' requirements.lock)"
	touch $@

clean:
	rm -rf _build
