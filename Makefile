# Godwit. `make help` lists what there is.

SWIFT ?= swift
# One flavour of release build for everything, so that nothing is built twice: testable, optimised.
RELEASE := -c release -Xswiftc -enable-testing
BIN := .build/release
# One test at a time: the epoch domain is the process's, so tests that run at once hold back each other's memory.
# The suites whose subject is threads; under the thread sanitizer these only, since it slows everything else tenfold.
CONCURRENT := LogConcurrencyTests|ThreadExecutorTests|EpochDomainTests|concurrentReaders|MemtableTests|[.]ThreadTests|PauseTests|CheckpointTests|PacedJobTests|HeldBackTests|WriteThrottleTests

# The tests that measure the process's memory, of which the address sanitizer holds more than the engine.
RESIDENT := residentMemoryWithinBudget|slowClosureKeepsMemoryBounded

.DEFAULT_GOAL := help
.PHONY: help deps demo build test test-release test-threads soak sanitize fuzz docs format clean
.PHONY: bench bench-build bench-quick bench-replication bench-curves bench-plots count
.PHONY: python test-redis test-feast bench-redis differential

help: ## lists the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 20

deps: ## installs the C libraries (Debian: liblz4-dev, libxxhash-dev) where they are missing
	@.ci/install-dependencies

build: deps ## builds the command and the demo
	$(SWIFT) build $(RELEASE) --product godwit
	$(SWIFT) build $(RELEASE) --product godwit-demo

demo: build ## two regions, real flights, the primary killed once and cut off once, every write accounted for
	@.ci/install-redis-cli
	@rm -rf .build/demo-regions
	$(BIN)/godwit-demo regions --csv fixtures/flights-2013-01.csv --data .build/demo-regions

test: test-release test-threads ## all tests optimised, then the concurrency suites under the thread sanitizer

# A test that waits for ever fails the run instead of holding it up, and line by line it is seen which one it was.
LIMITED := timeout --verbose 900 stdbuf -oL -eL

test-release: deps ## all tests, optimised
	$(SWIFT) build $(RELEASE) --build-tests
	$(LIMITED) $(SWIFT) test $(RELEASE) --no-parallel --skip-build

THREADS := --sanitize=thread --scratch-path .build-tsan
test-threads: deps ## the concurrency suites under the thread sanitizer
	GODWIT_CORE_ONLY=1 $(SWIFT) build $(THREADS) --build-tests
	GODWIT_CORE_ONLY=1 $(LIMITED) $(SWIFT) test $(THREADS) --no-parallel --skip-build --filter '$(CONCURRENT)'

# What runs against a node as its users do: Debian's redis-server beside it, clients from PyPI in .build-python.
PYTHON := PYTHONPATH=Tests/redis:Tests/feast .build-python/bin/python
COMMANDS ?= 1000000

python: # installs redis-server and the Python packages
	@.ci/install-redis-dependencies

test-redis: build python ## redis-py, redis-cli and redis-benchmark against nodes, and random commands beside redis-server
	$(PYTHON) -m unittest discover -s Tests/redis
	$(PYTHON) Tests/redis/differential.py --commands 100000

test-feast: build python ## Feast from PyPI against nodes: what docs/feast.md says
	$(PYTHON) -m unittest discover -s Tests/feast

differential: build python ## COMMANDS=1000000 random commands to redis-server and a node side by side
	$(PYTHON) Tests/redis/differential.py --commands $(COMMANDS)

# Benchmarks: JSON=FILE keeps one JSON object a row; without it the last run's is in .build-bench, a file for each program.
VERSUS := .build-bench/release/versus
JSON ?=
rows = $(or $(JSON),.build-bench/$(1).json)
TIMELINE := .build-bench/timeline.csv
CURVES ?= .build-bench/curves.json

bench-build: # builds the benchmarks, apart from the package: peers are no dependency of Godwit
	@.ci/install-bench-dependencies
	$(SWIFT) build --package-path Benchmarks --scratch-path .build-bench -c release --product versus

bench-quick: bench-build ## every workload beside RocksDB and LMDB at a million keys, under 4 minutes; JSON=FILE
	$(VERSUS) --quick --json $(call rows,versus) --timeline $(TIMELINE)

bench-replication: ## lag, cost, catch-up, round trip and full copies of a primary and its follower; JSON=FILE
	@.ci/install-bench-dependencies
	$(SWIFT) build --package-path Benchmarks --scratch-path .build-bench -c release --product replication
	.build-bench/release/replication --json $(call rows,replication)

bench: bench-build ## the table of the targets at five million keys, under 30 minutes; JSON=FILE
	$(VERSUS) --json $(call rows,versus) --timeline $(TIMELINE)

bench-curves: bench-build ## costs over sizes and memory budgets, hours; goes on where it was interrupted
	$(VERSUS) curves --json $(CURVES)

count: bench-build ## instructions of the hot parts against those recorded, and what a cached read must not call
	Benchmarks/count $(VERSUS)

bench-redis: build python ## the Redis listener beside redis-server, Feast, and overload; JSON=FILE
	$(SWIFT) build --package-path Benchmarks --scratch-path .build-bench -c release --product redis-load
	$(PYTHON) Benchmarks/redis/bench.py --json $(call rows,redis)

bench-plots: ## draws the last benchmark as SVG into docs/benchmarks
	@.ci/install-bench-dependencies
	Benchmarks/plot $(call rows,versus) $(TIMELINE) docs/benchmarks $(wildcard $(CURVES))

soak: build ## the random tests long: kills, failovers, switchovers and link cuts of real processes; many seeds
	@rm -rf .build/soak-store .build/soak-failovers .build/soak-switchovers .build/soak-cuts
	$(BIN)/godwit-demo failovers --data .build/soak-failovers --rounds 200
	$(BIN)/godwit-demo switchovers --data .build/soak-switchovers --rounds 1000
	$(BIN)/godwit-demo cuts --data .build/soak-cuts --rounds 1000
	$(BIN)/godwit-demo kill --data .build/soak-store --rounds 1000
	GODWIT_SEEDS=10000 $(SWIFT) test $(RELEASE) --filter '\.ModelTests/'
	GODWIT_SEEDS=1000 $(SWIFT) test $(RELEASE) --filter '\.MetamorphicTests/'
	$(SWIFT) build $(RELEASE) --product godwit-sim
	$(BIN)/godwit-sim --seeds 100000 --quiet

sanitize: deps ## all engine tests under the address sanitizer
	GODWIT_CORE_ONLY=1 $(SWIFT) test $(RELEASE) --sanitize=address --scratch-path .build-asan --no-parallel --disable-xctest \
		--filter GodwitEngineTests --skip '$(RESIDENT)'

SECONDS ?= 60
fuzz: deps ## libFuzzer on every decoder behind its checksum, SECONDS=60 each; goes on from what earlier runs found
	Tests/Fuzz/run $(SECONDS)

docs: build ## builds the documentation of GodwitEngine into .build/documentation; a warning fails
	@.ci/documentation

format: ## formats all Swift sources
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

clean: ## removes everything that was built
	rm -rf .build .build-tsan .build-asan .build-fuzz .build-bench
