# The only commands there are; CI calls the same. Everything works from a fresh clone with Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PROJECTS := pyproject.toml sdk/pyproject.toml native/pyproject.toml $(wildcard native/setup.py $(addprefix native/beacon_native/,*.pyx *.pxd *.pxi) plugins/*/pyproject.toml)

.DEFAULT_GOAL := help
.PHONY: help install format lint typecheck test crash fuzz asan clients agents sessions linear bench docs demo lock clean

help:  ## show this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

install: $(INSTALLED)  ## make the virtual environment with everything in it

$(INSTALLED): $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit("Beacon needs Python 3.11 or later; say: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --editable plugins/file --editable plugins/splunk --editable plugins/datadog --editable sdk --group dev
	@echo '$(BIN)/python -m pip install --quiet --editable native'
	@$(BIN)/python -m pip install --quiet --editable native >$(VENV)/native.log 2>&1 || echo 'beacon-native was not built; everything works without it, only slower. It takes a C compiler; $(VENV)/native.log has what was said.' >&2
	@touch $@

format: install  ## format the code and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: install  ## check format and style
	$(BIN)/ruff format --check
	$(BIN)/ruff check

typecheck: install  ## mypy --strict
	$(BIN)/mypy

test: install lint typecheck  ## all checks and tests
	$(BIN)/pytest -n 4

N ?= 200
SEED ?=

crash: install  ## kill Beacon N times under load and check that nothing is lost: make crash N=1000 SEED=abc
	$(BIN)/python -m tests.e2e.crash --kills $(N) --seed '$(SEED)'

fuzz: install  ## hostile input on every receiver, and decoded with native code and without, minutes: make fuzz SEED=abc
	$(BIN)/python -m tests.fuzz --seed '$(SEED)'

ASAN := .asan
CASES ?= 50000

asan: install  ## hostile input and tests for native code, built to notice every access out of bounds; needs gcc: make asan CASES=1000
	rm -rf $(ASAN) && mkdir $(ASAN) && cp -R native $(ASAN)/source && rm -rf $(ASAN)/source/build
	CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined' \
		$(BIN)/python -m pip install --quiet --no-deps --target $(ASAN) $(ASAN)/source
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
		PYTHONMALLOC=malloc PYTHONPATH=$(ASAN) $(BIN)/python -m tests.fuzz --only decoding --cases $(CASES) --seed '$(SEED)'
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
		PYTHONMALLOC=malloc PYTHONPATH=$(ASAN) $(BIN)/pytest -q -p no:cacheprovider --ignore native/tests/test_modules.py \
		native/tests $(addprefix tests/unit/processors/sanitize/test_,collect.py search.py text.py events.py) plugins/splunk/tests/test_plain.py

clients: install  ## OTLP exporters that come from elsewhere than PyPI, here Node's, against a real Beacon; needs npm
	BEACON_TEST_NODE=1 $(BIN)/pytest tests/e2e/test_node_exporters.py

AGENTS := .agents
NPM_PACKAGES ?= @anthropic-ai/claude-code @openai/codex @google/gemini-cli

agents: install  ## real coding agents in `beacon ci`, with a stand-in for their models; needs node and npm
	npm install --no-audit --no-fund --loglevel=error --prefix $(AGENTS) $(NPM_PACKAGES)
	node $(AGENTS)/node_modules/@anthropic-ai/claude-code/install.cjs
	AGENTS=$(AGENTS) $(BIN)/python -m pytest -v -rA tests/agents

RUNS ?= 50

sessions: install  ## fake agents on the SDKs for Python and JavaScript in sessions of each kind: make sessions RUNS=50
	$(BIN)/python -m tests.e2e.ci.agents --runs '$(RUNS)'

linear: install  ## hostile texts of up to 16 MiB for every rule of sanitize take linear time, hours
	$(BIN)/python -m tests.fuzz.linear

RESULTS := .bench
FLOOR ?=

bench: install  ## all benchmarks, under ten minutes, and docs/reference/performance.md from them: make bench FLOOR=floor.py; LONG=1 takes longer queues
	@$(BIN)/python -m compileall -q beacon_core plugins sdk  # as pip does with all that is not editable, also where PYTHONDONTWRITEBYTECODE is set
	$(BIN)/python benchmarks/startup.py --json $(RESULTS)/startup.json
	$(BIN)/python benchmarks/ci.py --json $(RESULTS)/ci.json
	$(BIN)/python benchmarks/stages.py --json $(RESULTS)/stages.json
	$(BIN)/python benchmarks/side_by_side.py --pin --pure --encoding protobuf json --events 100000 --repetitions 5 --json $(RESULTS)/side_by_side.json $(if $(FLOOR),--floor '$(FLOOR)')
	$(BIN)/python benchmarks/side_by_side.py --pin --batch 10 1 --events 20000 --repetitions 5 --json $(RESULTS)/small.json $(if $(FLOOR),--floor '$(FLOOR)')
	$(BIN)/python benchmarks/side_by_side.py --no-floor --workers 2 --connections 32 --events 500000 --json $(RESULTS)/workers.json
	$(BIN)/python benchmarks/backlog.py --events $(if $(LONG),1000000,300000) --json $(RESULTS)/backlog.json
	$(BIN)/python benchmarks/queued.py --events $(if $(LONG),10000000,1000000) --json $(RESULTS)/queued.json
	$(BIN)/python benchmarks/sanitize.py --json $(RESULTS)/sanitize.json
	$(BIN)/python benchmarks/track.py --json $(RESULTS)/track.json
	$(BIN)/python benchmarks/report.py $(RESULTS)

docs: install  ## write the generated reference pages and tables anew
	$(BIN)/python tools/reference.py

demo: install  ## a recorded session of a real agent through a real pipeline
	@$(BIN)/python docs/examples/quickstart/demo.py

lock: install  ## write uv.lock anew
	$(BIN)/python -m pip install --quiet uv && $(BIN)/uv lock

clean:  ## remove everything that make made
	rm -rf $(VENV) .agents .asan .demo .bench build dist native/build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -f native/beacon_native/*.c native/beacon_native/*.so
