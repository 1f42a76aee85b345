# streamproc: `make` lists the targets.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ALIGNER := aligner_mypyc/pyproject.toml aligner_mypyc/setup.py $(wildcard aligner_mypyc/src/aligner_mypyc/*)

# Every command runs in a process group of its own with a hard limit: what hangs, ends.
BOUNDED := timeout -s KILL

# Behind an environment's python: install packages; those of a lock, by their hashes.
PIP := -m pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --require-hashes -r
# The environment in whose folder the target lies, and this checkout in it.
ENVIRONMENT = @test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
# Built anew from these sources: an aligner compiled from older ones must not stay.
OWN_ALIGNER = @$(@D)/bin/python $(PIP) --no-deps --no-build-isolation --force-reinstall ./aligner_mypyc
OWN_PACKAGE = @$(@D)/bin/python $(PIP) --no-deps --no-build-isolation -e .

.DEFAULT_GOAL := help
.PHONY: help install demo test test-unit test-integration test-integration-transport test-integration-worker test-integration-learners test-integration-rest lint types chaos chaos-live chaos-state chaos-windows chaos-progress chaos-backfill chaos-inference fuzz
.PHONY: test-operate drill test-holes test-faults test-packages test-torch test-rocksdb faust-suites bench-transport bench-rdkafka bench-aligner bench-ctc bench-decode bench-codec evaluate model lock clean
.PHONY: test-terraform kafka-provider image test-image test-kubernetes test-ship test-supply audit sbom licences
.PHONY: bench-latency bench-worker bench-tracing bench-page bench-inference bench-state

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*##/  make \1\t/p' $(MAKEFILE_LIST) | expand -t 26

install: $(VENV)/.installed  ## Create .venv with everything but torch (1 minute).

$(VENV)/.installed: requirements/dev.txt pyproject.toml $(ALIGNER)
	@echo "Installing into $(VENV) (about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "streamproc needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(ENVIRONMENT)
	@$(BIN)/python $(LOCKED) requirements/dev.txt
	$(OWN_ALIGNER)
	$(OWN_PACKAGE)
	@touch $@

.venv-torch/.installed: COSTS := 5 GB, about 2 minutes
.venv-hama/.installed: COSTS := about a minute
.venv-mlflow/.installed: COSTS := about 2 minutes
.venv-torch/.installed .venv-hama/.installed: BESIDE := requirements/dev.txt
# MLflow's lock stands alone: its packages are older than ours here and there.
.venv-torch/.installed .venv-hama/.installed .venv-mlflow/.installed: .venv-%/.installed: requirements/dev.txt requirements/%.txt pyproject.toml $(ALIGNER)
	@echo "Installing $* into $(@D) ($(COSTS))"
	$(ENVIRONMENT)
	$(if $(BESIDE),@$(@D)/bin/python $(LOCKED) $(BESIDE))
	@$(@D)/bin/python $(LOCKED) requirements/$*.txt
	$(OWN_ALIGNER)
	$(OWN_PACKAGE)
	@touch $@

# Of one lock alone: tools whose packages are not to be mixed with ours, and peers.
.venv-checkov/.installed: requirements/checkov.txt
.venv-ci/.installed: requirements/ci.txt
.venv-peers/.installed: requirements/bench-transport.txt
.venv-checkov/.installed .venv-ci/.installed .venv-peers/.installed:
	$(ENVIRONMENT)
	@$(@D)/bin/python $(LOCKED) $<
	@touch $@

.venv-faust/.installed: requirements/faust-suites.txt pyproject.toml
	$(ENVIRONMENT)
	@$(@D)/bin/python $(LOCKED) $<
	$(OWN_PACKAGE)
	@touch $@

.venv-bench/.installed: requirements/bench-aligner.txt $(ALIGNER)
	$(ENVIRONMENT)
	@$(@D)/bin/python $(LOCKED) $<
	$(OWN_ALIGNER)
	@touch $@

demo: install  ## Publish known readings to a local stack, show their results (1 minute). KEEP=1 leaves the stack up, SPEECH=folder adds people.
	@$(BIN)/streamproc demo $(if $(KEEP),--keep) $(if $(SPEECH),--speech $(SPEECH))

test: test-unit test-integration  ## Unit tests, then integration tests against a real Kafka, registry and Triton (15 minutes).

test-unit: install
	$(BOUNDED) 900 $(BIN)/python -m pytest -q tests/unit tests/contract
	cd aligner_mypyc && $(BOUNDED) 300 ../$(BIN)/python -m pytest -q -p no:asyncio --hypothesis-profile=ci tests

INTEGRATION_LEARNERS := $(addprefix tests/integration/,learners routing web)
INTEGRATION_ELSEWHERE := $(addprefix --ignore ,tests/integration/transport tests/integration/worker $(INTEGRATION_LEARNERS))
test-integration: install
	@# Four parts side by side, each with the brokers that it needs: most of each is waiting for brokers and processes.
	@$(MAKE) --no-print-directory -j4 test-integration-transport test-integration-worker test-integration-learners test-integration-rest

test-integration-transport:
	$(BOUNDED) 1200 $(BIN)/python -m pytest -q --durations=5 tests/integration/transport

test-integration-worker:
	$(BOUNDED) 1200 $(BIN)/python -m pytest -q --durations=5 tests/integration/worker

test-integration-learners:
	$(BOUNDED) 1200 $(BIN)/python -m pytest -q --durations=5 $(INTEGRATION_LEARNERS)

test-integration-rest:
	$(BOUNDED) 1200 $(BIN)/python -m pytest -q --durations=5 tests/integration $(INTEGRATION_ELSEWHERE)

test-holes: install  ## The tests of the holes found from outside; ends with a line of JSON, a verdict for each (15 minutes).
	cd tests && $(BOUNDED) 1800 ../$(BIN)/python -m support.holes

test-faults: install  ## Faults that take gigabytes or minutes: floods, registries that never end, memory used up (10 minutes).
	$(BOUNDED) 3600 $(BIN)/python -m pytest -v --durations=10 tests/faults

test-rocksdb: install  ## Tables on disk: the store, killed processes, a full disk. Installs RocksDB first (1 minute).
	@$(BIN)/python $(LOCKED) requirements/rocksdb.txt --no-deps
	$(BOUNDED) 600 $(BIN)/python -m pytest -q --durations=5 tests/rocksdb

test-torch: .venv-torch/.installed  ## What needs torch: its engine in the suite of all engines, precisions, the live network. Installs torch first: 5 GB, 2 minutes.
	$(BOUNDED) 900 .venv-torch/bin/python -m pytest -q --durations=5 tests/accelerated

test-operate: install  ## What operators have: alerts under promtool, dashboards on a real Prometheus, traces through the real collector, their page in Chromium, what a worker says when Kafka or the registry goes. Installs what it needs, or fails (10 minutes).
	tests/operate/install.sh
	@$(BIN)/python $(LOCKED) requirements/operate.txt
	$(BOUNDED) 1800 $(BIN)/python -m pytest -q --durations=5 tests/operate

.PHONY: test-hama
test-hama: .venv-hama/.installed  ## The second model: its symbols, alone and as one with ours. Installs hama first (a minute).
	$(BOUNDED) 300 .venv-hama/bin/python -m pytest -q tests/second

.PHONY: test-mlflow
test-mlflow: .venv-mlflow/.installed  ## Models in MLflow's registry, in a sqlite store. Installs it first (2 minutes).
	$(BOUNDED) 300 .venv-mlflow/bin/python -m pytest -q tests/model_registry

.PHONY: asyncapi
asyncapi: install  ## A page of all topics, events and headers to browse: build/asyncapi/index.html.
	tests/operate/install.sh asyncapi
	@mkdir -p build/asyncapi
	node tests/operate/asyncapi/page.mjs docs/reference/asyncapi.json build/asyncapi/index.html

drill: install  ## Each alert's cause on a local stack: see it fire, follow its runbook, see it resolve; ends with a line of JSON (10 minutes).
	tests/operate/install.sh prometheus
	cd tests && $(BOUNDED) 1500 ../$(BIN)/python -m operate.drill

.PHONY: drill-rollout
drill-rollout: install  ## Two workers under live load: a good release, then a bad one that is rolled back by itself; ends with a line of JSON (5 minutes).
	tests/operate/install.sh prometheus
	cd tests && $(BOUNDED) 600 ../$(BIN)/python -m operate.rollout

test-packages: install  ## Wheels and each extra, tried in empty environments (3 minutes).
	$(BOUNDED) 1800 $(BIN)/python -m pytest -q --durations=5 tests/extras

GO_TOOL = @test -x .tools/bin/$(1) || { command -v go >/dev/null || { echo "$(1) is built with Go, which is not on the PATH"; exit 1; }; \
	echo "Building $(2) (up to 10 minutes)"; GOBIN=$(abspath .tools/bin) $(BOUNDED) 1200 go install $(2); }

.tools/bin/tflint:
	$(call GO_TOOL,tflint,github.com/terraform-linters/tflint@v0.64.0)

test-terraform: install .tools/bin/tflint .venv-checkov/.installed  ## Terraform's modules: their own tests, plans, and one applied to a real Kafka where its provider is found (3 minutes).
	@command -v terraform >/dev/null || { echo "test-terraform: terraform 1.11 or newer is not on the PATH, and no package registry has it"; exit 1; }
	$(BOUNDED) 1200 $(BIN)/python -m pytest -q -rs --durations=5 tests/terraform

kafka-provider:  ## Build the Terraform provider Mongey/kafka from SOURCE=its/checkout, for test-terraform (needs Go; 2 minutes).
	@test -f "$(SOURCE)/go.mod" || { echo "kafka-provider: SOURCE=path/to/terraform-provider-kafka is no checkout of it"; exit 1; }
	@# Terraform itself says under which host's name it looks for the provider; git, of which release this is.
	host=$$(terraform -chdir=terraform/modules/kafka providers 2>/dev/null | sed -nE 's#.*provider.(.*)/mongey/kafka.*#\1#p' | head -1); \
		version=$$(git -C $(SOURCE) describe --tags --abbrev=0 --match 'v*' | tr -d v); \
		folder=$(CURDIR)/.tools/plugins/$${host:?terraform is not on the PATH}/mongey/kafka/$${version:?the checkout has no release in its history}/$$(go env GOOS)_$$(go env GOARCH); \
		mkdir -p $$folder && cd $(SOURCE) && $(BOUNDED) 900 env CGO_ENABLED=0 go build -o $$folder/terraform-provider-kafka_v$$version .

.tools/bin/kubeconform:
	$(call GO_TOOL,kubeconform,github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0)

.tools/bin/conftest:
	$(call GO_TOOL,conftest,github.com/open-policy-agent/conftest@v0.71.1)

.tools/schemas/.made: tests/support/kubernetes_schemas.py | install
	@$(BIN)/python $(LOCKED) requirements/kubernetes.txt
	@echo "Making schemas of Kubernetes, KEDA and Argo CD (a minute)"
	@cd tests && ../$(BIN)/python -m support.kubernetes_schemas ../.tools/schemas
	@touch $@

test-kubernetes: install .tools/bin/kubeconform .tools/bin/conftest .tools/schemas/.made  ## The manifests, against schemas and policies (a minute; the first time 10, to build kubeconform and conftest with Go).
	@$(BIN)/python $(LOCKED) requirements/kubernetes.txt
	@command -v kubectl >/dev/null || { echo "test-kubernetes: kubectl is not on the PATH"; exit 1; }
	$(BOUNDED) 600 $(BIN)/python -m pytest -q tests/kubernetes $(if $(K),-k "$(K)")

test-ship: install  ## Terraform, manifests, policies and images, one after the other; ends with a line of JSON, a verdict for each (15 minutes).
	@cd tests && $(BOUNDED) 5400 ../$(BIN)/python -m support.ship

.tools/bin/actionlint:
	$(call GO_TOOL,actionlint,github.com/rhysd/actionlint/cmd/actionlint@v1.7.7)

test-supply: install .tools/bin/actionlint  ## The workflows, and the gates of audits and lists of parts (half a minute; Go builds actionlint the first time).
	@$(BIN)/python $(LOCKED) requirements/kubernetes.txt
	$(BOUNDED) 300 $(BIN)/python -m pytest -q tests/supply

.PHONY: coverage
# Of the integration tests those that run most of what needs a broker, in a few minutes.
COVERING := tests/integration/deadletter tests/integration/worker/test_bad_input.py tests/integration/transport/test_driver.py
coverage: install  ## What of the code tests run, workers in their processes too; fails where it is less than 80 % of a core room: build/coverage (15 minutes).
	@$(BIN)/python $(LOCKED) requirements/coverage.txt
	@rm -rf build/coverage && mkdir -p build/coverage
	$(BOUNDED) 2400 $(BIN)/python -m coverage run -m pytest -q tests/unit tests/contract
	$(BOUNDED) 1200 $(BIN)/python -m coverage run -m pytest -q $(COVERING)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage html --directory=build/coverage/pages --quiet
	@$(BIN)/python -m coverage json -o build/coverage/report.json --quiet
	@cd tests && ../$(BIN)/python -m supply.covered ../build/coverage/report.json

.PHONY: bench-ratio
bench-ratio: install  ## What an activity costs the worker, by what it cost at BASE=commit; fails at 1.15 times as much (8 minutes).
	@test -n "$(BASE)" || { echo "make bench-ratio BASE=commit: what it is compared with"; exit 2; }
	cd tests && $(BOUNDED) 3600 ../$(BIN)/python -m supply.ratio $(BASE) $(if $(MOST),--most $(MOST))

audit: .venv-ci/.installed  ## Known holes in what workers and images install; what cannot be audited fails it (a minute; needs PyPI's own API).
	cd tests && $(BOUNDED) 600 ../.venv-ci/bin/python -m supply.audit ../requirements/worker.txt ../requirements/image.txt

sbom: .venv-ci/.installed  ## The list of parts of the image, CycloneDX, complete against its lock: build/sbom/image.json.
	@mkdir -p build/sbom
	cd tests && $(BOUNDED) 120 ../.venv-ci/bin/python -m supply.parts ../requirements/image.txt ../build/sbom/image.json

licences: install .venv-ci/.installed  ## The licences of what the image holds; one that may not be there, or is not known, fails it: build/sbom/licences.csv.
	@mkdir -p build/sbom
	cd tests && $(BOUNDED) 120 ../.venv-ci/bin/python -m supply.licences ../requirements/image.txt ../$(BIN)/python ../build/sbom/licences.csv

build/wheels/.fetched: requirements/image.txt requirements/image-build.txt
	@rm -rf build/wheels
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --require-hashes --no-deps --wheel-dir build/wheels -r requirements/image.txt
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --require-hashes --no-deps --wheel-dir build/wheels -r requirements/image-build.txt
	@touch $@

image: install build/wheels/.fetched  ## The worker's image, streamproc/worker:local. BASE=image with the tools of a Debian 12, for builds without a network.
	docker build $(if $(BASE),--build-arg BASE=$(BASE) --network none) --target worker --tag streamproc/worker:local .

test-image: install build/wheels/.fetched  ## Build the image twice on a Docker engine, run workers in it (3 minutes). Without an engine, root installs and starts Debian's.
	@$(BIN)/python $(LOCKED) requirements/image-test.txt
	@docker info >/dev/null 2>&1 || { command -v dockerd && command -v mmdebstrap; } >/dev/null || { apt-get update -qq && apt-get install -y -qq docker.io mmdebstrap >/dev/null; } \
		|| { echo "test-image: needs a Docker engine that answers, or root on a Debian to install one and mmdebstrap"; exit 1; }
	STREAMPROC_TEST_PROVIDER=docker $(BOUNDED) 1800 $(BIN)/python -m pytest -q --timeout 900 --durations=5 tests/image

lint: install  ## ruff: lint and format; import-linter: the order of the rooms (10 s).
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

types: install  ## mypy --strict (10 s; a minute the first time).
	$(BIN)/mypy
	cd aligner_mypyc && ../$(BIN)/mypy

chaos: install  ## The long proofs: workers killed, stopped, fenced; brokers lost. K="not zombie" chooses; 80 minutes in all.
	$(BOUNDED) 7200 $(BIN)/python -m pytest -v tests/chaos $(if $(K),-k "$(K)")

chaos-live: install  ## Records published while one of two workers is killed, restarted, frozen; ends with a line of JSON. RUNS=10 RECORDS=20000
	cd tests && $(BOUNDED) 7200 ../$(BIN)/python -m chaos.live --runs $(or $(RUNS),10) --records $(or $(RECORDS),20000)

chaos-state: install  ## Tables while workers are killed, stopped, frozen: counters, transfers; ends with a line of JSON (30 minutes). EVENTS=1000000 FAULTS=50 RATE=3000 STORE=rocksdb:// STANDBY=all GUARANTEE=at_least_once
	@$(if $(STORE),$(BIN)/python $(LOCKED) requirements/rocksdb.txt --no-deps,true)
	cd tests && $(BOUNDED) 7200 ../$(BIN)/python -m chaos.state $(if $(EVENTS),--events $(EVENTS)) $(if $(FAULTS),--faults $(FAULTS)) \
		$(if $(RATE),--rate $(RATE)) $(if $(STORE),--store $(STORE)) $(if $(PROTOCOL),--protocol $(PROTOCOL)) \
		$(if $(STANDBY),--standby $(STANDBY)) $(if $(GUARANTEE),--guarantee $(GUARANTEE))

chaos-windows: install  ## Windows while workers are killed, stopped, frozen at their ends; ends with a line of JSON (10 minutes). EVENTS=240000 RATE=600 STORE=rocksdb://
	@$(if $(STORE),$(BIN)/python $(LOCKED) requirements/rocksdb.txt --no-deps,true)
	cd tests && $(BOUNDED) 7200 ../$(BIN)/python -m chaos.windows $(if $(EVENTS),--events $(EVENTS)) $(if $(RATE),--rate $(RATE)) \
		$(if $(STORE),--store $(STORE)) $(if $(PROTOCOL),--protocol $(PROTOCOL)) \
		$(if $(EVENTS)$(PROTOCOL),,--save ../docs/benchmarks/windows-chaos.json)

chaos-progress: install  ## Learners' progress, duplicates and corrections while workers are killed, restarted, frozen, and asked; ends with a line of JSON (5 minutes). ACTIVITIES=900 RATE=8
	cd tests && $(BOUNDED) 1800 ../$(BIN)/python -m chaos.progress $(if $(ACTIVITIES),--activities $(ACTIVITIES)) $(if $(RATE),--rate $(RATE))

chaos-backfill: install  ## History is read again beside live work while what reads it is killed, and a worker; ends with a line of JSON (10 minutes). ACTIVITIES=20000 FAULTS=3 HURRIED=1 SAVE=report.json
	cd tests && $(BOUNDED) 3600 ../$(BIN)/python -m chaos.backfill $(if $(ACTIVITIES),--activities $(ACTIVITIES)) \
		$(if $(FAULTS),--faults $(FAULTS)) $(if $(HURRIED),--hurried) $(if $(SAVE),--save $(abspath $(SAVE)))

chaos-inference: install  ## Tritons slow, silent, wrong, killed, upgraded, certified anew while activities come; ends with a line of JSON. K="faults certificates models capacity local"
	cd tests && $(BOUNDED) 1800 ../$(BIN)/python -m chaos.inference $(K) $(if $(K),,--save ../docs/benchmarks/inference-chaos.json)

.PHONY: chaos-models bench-canary
chaos-models: install  ## Models begin, are promoted, rolled back and go bad while activities come and workers and commands are killed; ends with a line of JSON (8 minutes). SEED=1 SAVE=file
	cd tests && $(BOUNDED) 1800 ../$(BIN)/python -m chaos.models $(if $(SEED),--seed $(SEED)) \
		--save $(if $(SAVE),$(abspath $(SAVE)),../docs/benchmarks/models-chaos.json)

bench-canary: install  ## How often the tests of a canary sound a false alarm, how soon they find a bad one, simulated: docs/benchmarks/canary.json (5 minutes).
	$(BOUNDED) 1200 $(BIN)/python tests/bench/canary.py --save docs/benchmarks/canary.json

fuzz: install  ## Every property with 20 times as many examples, other ones each time (20 minutes); aligner, event decoder and audio loader, 10 minutes each (atheris); a worker with 20,000 mutated events, and one that sends 5,000 odd records.
	$(BOUNDED) 3600 $(BIN)/python -m pytest -q tests/unit tests/contract -m hypothesis --hypothesis-profile=long --timeout 3600
	@$(BIN)/python $(LOCKED) requirements/fuzz.txt
	$(BOUNDED) 900 $(BIN)/python aligner_mypyc/tests/fuzz.py -len_control=0 -max_total_time=600
	cd tests && $(BOUNDED) 900 ../$(BIN)/python -m fuzz.atheris_events ../.local/fuzz/events -max_total_time=600
	cd tests && $(BOUNDED) 900 ../$(BIN)/python -m fuzz.atheris_audio ../.local/fuzz/audio -max_total_time=600
	$(BOUNDED) 1800 $(BIN)/python -m pytest -q tests/fuzz

faust-suites: install .venv-faust/.installed  ## Faust's own functional and stress tests under rdkafka://, from its release or FAUST=path/to/checkout.
	@cd tests && $(BOUNDED) 1200 ../$(BIN)/python -m faust_suites.run --python ../.venv-faust/bin/python \
		$(if $(FAUST),--faust $(abspath $(FAUST))) --save ../docs/benchmarks/faust_suites.json

bench-transport: install  ## How fast rdkafka:// is in streamproc's style: throughput, added latency, memory (20 minutes).
	$(BOUNDED) 3600 $(BIN)/python tests/bench/transport_bench.py --save docs/benchmarks/transport.json

bench-latency: install  ## From send to a read_committed reader's hands at 0.2 to 100 events/s; fails at 300 ms (p99). Five minutes.
	$(BOUNDED) 900 $(BIN)/python tests/bench/latency.py --save docs/benchmarks/latency.json

bench-worker: install  ## CPU milliseconds an activity costs the whole worker, by stage, on a real Kafka; how long its pages take meanwhile (2 minutes).
	$(BOUNDED) 600 $(BIN)/python tests/bench/worker.py --save docs/benchmarks/worker.json

.PHONY: bench-capacity
bench-capacity: install  ## What `plan capacity` says beforehand, and what worker, Kafka and Triton then do; fails at 25 % (3 minutes).
	$(BOUNDED) 600 $(BIN)/python tests/bench/capacity.py --save docs/benchmarks/capacity.json

bench-tracing: install  ## What traces cost, off and on, in pairs: the whole worker, and its agent alone (6 minutes).
	$(BOUNDED) 900 $(BIN)/python tests/bench/tracing.py --save docs/benchmarks/tracing.json

bench-page: install  ## What the operator's page costs the worker that serves it, while ten look on (3 minutes).
	$(BOUNDED) 600 $(BIN)/python tests/bench/page.py --save docs/benchmarks/page.json

bench-inference: install  ## The same server driven directly and through the whole worker; latency; engines side by side (4 minutes).
	$(BOUNDED) 900 $(BIN)/python tests/bench/inference.py --save docs/benchmarks/inference.json

bench-rdkafka: install .venv-peers/.installed  ## One unmodified Faust app under three URLs, beside quixstreams and a bare loop. 10 minutes, FULL=1 an hour.
	$(BOUNDED) 7200 $(BIN)/python tests/bench/transport_surface.py $(if $(FULL),--full) --peer-python .venv-peers/bin/python \
		--save docs/benchmarks/transport_surface.json

bench-state: install .venv-peers/.installed  ## Tables: counting in memory and on disk, without a table, a hot key, cold restores; beside quixstreams (15 minutes).
	@$(BIN)/python $(LOCKED) requirements/rocksdb.txt --no-deps
	$(BOUNDED) 3600 $(BIN)/python tests/bench/state.py --peer-python .venv-peers/bin/python --save docs/benchmarks/state.json

bench-aligner: .venv-bench/.installed  ## The aligner against the C++ and Rust libraries (needs cargo; 5 minutes).
	$(BOUNDED) 1800 .venv-bench/bin/python tests/bench/aligner.py --output docs/benchmarks/aligner.json

bench-ctc: .venv-bench/.installed  ## The CTC kernels against numpy and Rust's fast-ctc-decode (half a minute).
	$(BOUNDED) 600 .venv-bench/bin/python tests/bench/ctc.py --output docs/benchmarks/ctc.json

.PHONY: bench-long-readings
bench-long-readings: install  ## Long readings in pieces and in windows beside the whole, of recordings in PEOPLE=folder (10 minutes).
	@test -n "$(PEOPLE)" || { echo "make bench-long-readings PEOPLE=folder: recordings of people, as for streamproc models evaluate"; exit 2; }
	$(BOUNDED) 2400 $(BIN)/python tests/bench/long_readings.py $(PEOPLE) --save docs/benchmarks/long-readings.json

bench-decode: install  ## Greedy decoding against beam search: phoneme errors, verdicts, CPU (a minute).
	$(BOUNDED) 600 $(BIN)/python tests/bench/decode.py --output docs/benchmarks/decode.json

bench-codec: install  ## The codec against confluent-kafka's serialisers; needs a registry that is up (streamproc local up).
	$(BOUNDED) 600 $(BIN)/python tests/bench/codec.py --registry $(STREAMPROC_REGISTRY__URL) --output docs/benchmarks/codec.json

evaluate: install  ## How well the model in the tree hears and judges: made speech, the golden recordings, PEOPLE=folder (2 minutes and more).
	$(BOUNDED) 600 $(BIN)/python -m streamproc.training.evaluate --output docs/benchmarks/model.json
	@mkdir -p .local  # a run that fails leaves the figures that are kept as they are
	$(BOUNDED) 600 $(BIN)/streamproc models evaluate tests/golden/speech --json | tail -1 | $(BIN)/python -m json.tool > .local/people.json \
		&& mv .local/people.json docs/benchmarks/people-golden.json
	$(if $(PEOPLE),$(BOUNDED) 600 $(BIN)/streamproc models evaluate $(PEOPLE) --json | tail -1 | $(BIN)/python -m json.tool > .local/people.json \
		&& mv .local/people.json docs/benchmarks/people.json)

model: $(ALIGNER)  ## Train on people and make the served model (needs torch, flite, festival): DATA=folder RUN=folder; an hour and a half on a quiet core.
	@test -n "$(DATA)" -a -n "$(RUN)" || { echo "make model DATA=folder RUN=folder: where what is heard and the training lie"; exit 2; }
	@test -x .venv-training/bin/python || $(PYTHON) -m venv .venv-training
	@.venv-training/bin/python $(LOCKED) requirements/training.txt
	@.venv-training/bin/python $(PIP) --no-deps --force-reinstall ./aligner_mypyc
	@.venv-training/bin/python $(PIP) --no-deps -e .
	OMP_NUM_THREADS=1 .venv-training/bin/python -m streamproc.training.data $(DATA)
	OMP_NUM_THREADS=1 .venv-training/bin/python -m streamproc.training.fit $(DATA) $(RUN)/short --steps 3900
	test -d $(RUN)/long || cp -r $(RUN)/short $(RUN)/long
	OMP_NUM_THREADS=1 .venv-training/bin/python -m streamproc.training.fit $(DATA) $(RUN)/long --steps 11400
	OMP_NUM_THREADS=1 .venv-training/bin/python -m streamproc.training.publish $(DATA) $(RUN)/short $(RUN)/long

lock:  ## Lock the dependencies anew, with hashes (3 minutes).
	@test -x .venv-lock/bin/python || $(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python $(PIP) pip-tools
	.venv-lock/bin/python requirements/lock.py

clean:  ## Take the local stack down and remove everything that was built.
	@test ! -x $(BIN)/streamproc || $(BIN)/streamproc local down
	rm -rf $(VENV) .venv-training .venv-lock .venv-bench .venv-peers .venv-faust .venv-torch .venv-hama .venv-mlflow .venv-checkov .venv-ci .local .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
