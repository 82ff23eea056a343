# Godwit. `make help` lists what there is.

SWIFT ?= swift
# One flavour of release build for everything, so that nothing is built twice: testable, optimised.
RELEASE := -c release -Xswiftc -enable-testing
BIN := .build/release
# One test at a time: the epoch domain is the process's, so tests that run at once hold back each other's memory.
# The suites whose subject is threads; under the thread sanitizer these only, since it slows everything else tenfold.
CONCURRENT := LogConcurrencyTests|ThreadExecutorTests|EpochDomainTests|concurrentReaders|MemtableTests|[.]ThreadTests|PauseTests|CheckpointTests

# The tests that measure the process's memory, of which the address sanitizer holds more than the engine.
RESIDENT := residentMemoryWithinBudget|slowClosureKeepsMemoryBounded

.DEFAULT_GOAL := help
.PHONY: help deps demo build test test-release test-threads bench soak sanitize docs format clean

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

bench: deps ## measures the engine by itself
	$(SWIFT) run --package-path Benchmarks --scratch-path .build-bench -c release engine-bench

soak: build ## the random tests long: 1,000 real kills, 10,000 seeds of the model, 1,000 of the metamorphic test, 100,000 clusters
	@rm -rf .build/soak-store
	$(BIN)/godwit-demo kill --data .build/soak-store --rounds 1000
	GODWIT_SEEDS=10000 $(SWIFT) test $(RELEASE) --filter '\.ModelTests/'
	GODWIT_SEEDS=1000 $(SWIFT) test $(RELEASE) --filter '\.MetamorphicTests/'
	GODWIT_SEEDS=100000 $(SWIFT) test $(RELEASE) --filter '\.SimulationTests/rulesHold'

sanitize: deps ## all engine tests under the address sanitizer
	$(SWIFT) test $(RELEASE) --sanitize=address --scratch-path .build-asan --no-parallel --disable-xctest \
		--filter GodwitEngineTests --skip '$(RESIDENT)'

docs: build ## builds the documentation of GodwitEngine into .build/documentation; a warning fails
	@.ci/documentation

format: ## formats all Swift sources
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

clean: ## removes everything that was built
	rm -rf .build .build-tsan .build-asan .build-bench
