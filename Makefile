# Godwit. `make help` lists what there is.

SWIFT ?= swift
# One flavour of release build for everything, so that nothing is built twice: testable, optimised.
RELEASE := -c release -Xswiftc -enable-testing
BIN := .build/release
# One test at a time: the epoch domain is the process's, so tests that run at once hold back each other's memory.
# The suites whose subject is threads; under the thread sanitizer these only, since it slows everything else tenfold.
CONCURRENT := LogConcurrencyTests|ThreadExecutorTests|EpochDomainTests|concurrentReaders|MemtableTests|[.]ThreadTests|PauseTests|CheckpointTests

.DEFAULT_GOAL := help
.PHONY: help deps demo build test test-release test-threads soak sanitize docs format clean
.PHONY: bench bench-build bench-quick bench-curves bench-plots count

help: ## lists the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 20

deps: ## installs the C libraries (Debian: liblz4-dev, libxxhash-dev) where they are missing
	@.ci/install-dependencies

build: deps ## builds the command and the demo
	$(SWIFT) build $(RELEASE) --product godwit
	$(SWIFT) build $(RELEASE) --product godwit-demo

demo: build ## replays real flights, kills the writer, checks everything it acknowledged
	@rm -rf .build/demo-store
	$(BIN)/godwit-demo --csv fixtures/flights-2013-01.csv --data .build/demo-store

test: test-release test-threads ## all tests optimised, then the concurrency suites under the thread sanitizer

test-release: deps ## all tests, optimised
	$(SWIFT) test $(RELEASE) --no-parallel

test-threads: deps ## the concurrency suites under the thread sanitizer
	$(SWIFT) test --sanitize=thread --scratch-path .build-tsan --no-parallel --filter '$(CONCURRENT)'

# Benchmarks: JSON=FILE keeps one JSON object a row; without it the last run's is in .build-bench.
VERSUS := .build-bench/release/versus
JSON ?= .build-bench/result.json
TIMELINE := .build-bench/timeline.csv
CURVES ?= .build-bench/curves.json

bench-build: # builds the benchmarks, apart from the package: peers are no dependency of Godwit
	@.ci/install-bench-dependencies
	$(SWIFT) build --package-path Benchmarks --scratch-path .build-bench -c release --product versus

bench-quick: bench-build ## every workload beside RocksDB and LMDB at a million keys, under 4 minutes; JSON=FILE
	$(VERSUS) --quick --json $(JSON) --timeline $(TIMELINE)

bench: bench-build ## the table of the targets at five million keys, under 30 minutes; JSON=FILE
	$(VERSUS) --json $(JSON) --timeline $(TIMELINE)

bench-curves: bench-build ## costs over sizes and memory budgets, hours; goes on where it was interrupted
	$(VERSUS) curves --json $(CURVES)

count: bench-build ## instructions of the hot parts against those recorded, and what a cached read must not call
	Benchmarks/count $(VERSUS)

bench-plots: ## draws the last benchmark as SVG into docs/benchmarks
	@.ci/install-bench-dependencies
	Benchmarks/plot $(JSON) $(TIMELINE) docs/benchmarks $(wildcard $(CURVES))

soak: build ## the random tests long: 1,000 real kills, 10,000 seeds of the model, 1,000 of the metamorphic test
	@rm -rf .build/soak-store
	$(BIN)/godwit-demo kill --data .build/soak-store --rounds 1000
	GODWIT_SEEDS=10000 $(SWIFT) test $(RELEASE) --filter '\.ModelTests/'
	GODWIT_SEEDS=1000 $(SWIFT) test $(RELEASE) --filter '\.MetamorphicTests/'

sanitize: deps ## all engine tests under the address sanitizer
	$(SWIFT) test --sanitize=address --scratch-path .build-asan --no-parallel --disable-xctest --filter GodwitEngineTests

docs: build ## builds the documentation of GodwitEngine into .build/documentation; a warning fails
	@.ci/documentation

format: ## formats all Swift sources
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

clean: ## removes everything that was built
	rm -rf .build .build-tsan .build-asan .build-bench
