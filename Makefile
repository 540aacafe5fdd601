# The targets a contributor needs. `make test` is the one that must always pass.
GO       ?= go
BIN      := bin
FUZZTIME ?= 5s
CYCLES   ?= 3
SEEDS    ?= 200
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATIC   := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: build test race race-ci lint fuzz fuzz-ci crash bench clients demo ledger check full

build: ## build ./bin/leat
	$(GO) build -o $(BIN)/leat ./cmd/leat

test: ## all tests
	$(GO) test ./...

race: ## all tests under the race detector, on one and on four processors
	GOMAXPROCS=4 $(GO) test -race ./...
	GOMAXPROCS=1 $(GO) test -race ./...

race-ci: ## the same within CI's time: not where the servers are processes of their own, which the detector does not see
	GOMAXPROCS=4 $(GO) test -race -timeout 12m $$($(GO) list ./... | grep -vE '/(examples|internal/(systemtest|crashtest))$$')
	GOMAXPROCS=1 $(GO) test -race -timeout 8m ./internal/kv/... ./internal/shardlog/... ./internal/clock/... ./internal/wire ./internal/service/eventsource/... ./producer/... ./registry/...

lint: ## formatting, vet, staticcheck, golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATIC) ./...
	$(GO) run $(LINT) run ./...

fuzz: ## every fuzz test for FUZZTIME
	$(GO) run ./internal/tools/fuzzall -fuzztime $(FUZZTIME)

fuzz-ci: ## the parsers that need little else compiled for it, a moment each
	$(GO) run ./internal/tools/fuzzall -fuzztime 1s -run 'internal/(wire|kv|policy|shardlog|aws) |internal/wire/|eventpattern|kpl|schema|/expr|/pattern|machine'

crash: build ## kill -9 under load and power cuts: CYCLES, SEEDS
	$(GO) test ./internal/crashtest -count=1 -v -timeout 60m -leat=$(CURDIR)/$(BIN)/leat -cycles=$(CYCLES) -seeds=$(SEEDS)
	$(GO) test ./internal/crashtest ./internal/service/sqs ./internal/service/sns ./internal/service/s3 -count=1 -tags plantedbugs -run Planted

bench: build ## the figures of docs/performance.md
	$(BIN)/leat bench

clients: build ## suites with the official clients of other languages
	clients/run.sh

demo: build ## the four example systems, checked
	examples/demo.sh

ledger: ## regenerate docs/parity.md from the operation files
	$(GO) run ./internal/tools/ledger -w

check: lint race fuzz crash clients ## what CI runs beyond `make test`

full: ## the long counts
	$(MAKE) check FUZZTIME=60s CYCLES=25 SEEDS=2000
	$(GO) test ./internal/service/dynamodb -count=1 -v -timeout 60m -run ManyItems -items=10000000
	$(GO) test ./internal/crashtest -count=1 -v -timeout 20m -run Upload -megabytes 200
