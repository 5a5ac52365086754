# What people and CI run. Everything but Go, git and make is built or done without.

GO       ?= go
BIN      := bin
LINT     := .cache/golangci-lint-v2.15.0
FUZZTIME ?= 10s
# After this, tests hang: no machine is that slow.
PATIENCE := 45m
RACE     := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo yes)

.PHONY: help build demo demo-registry demo-push test race lint fuzz bench races soak corpus cases check tidy clean

help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 15

build: ## Build bin/imgstream: one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/imgstream ./cmd/imgstream

demo: build ## Show the main job on a registry and a repository of its own (KEEP=1 leaves them in ./demo)
	@cd test && $(GO) run ./demo -imgstream ../$(BIN)/imgstream $(if $(KEEP),-keep ../demo)

demo-registry: ## Serve the registry of a demo that was kept
	@cd test && $(GO) run ./demo -serve ../demo

demo-push: ## Move the tag in the registry of a demo that was kept
	@cd test && $(GO) run ./demo -push ../demo

test: ## Run every test, those against real servers included
	$(GO) test -timeout $(PATIENCE) ./...
	cd test && $(GO) test -timeout $(PATIENCE) ./...

race: ## Run every test under the race detector
ifeq ($(RACE),yes)
	CGO_ENABLED=1 $(GO) test -race -timeout $(PATIENCE) ./...
	cd test && KILLS=40 CGO_ENABLED=1 $(GO) test -race -timeout $(PATIENCE) ./...
else
	@echo "race: left out, because there is no C compiler (cc) on this machine"
endif

lint: $(LINT) ## Run the linter and the formatter's check
	$(LINT) run ./...
	cd test && ../$(LINT) run --config ../.golangci.yml ./...

$(LINT):
	@mkdir -p $(@D)
	GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv .cache/bin/golangci-lint $@

fuzz: ## Run each fuzz target for FUZZTIME, and say how often it was executed
	@mkdir -p .cache; for t in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$t/*_test.go | cut -c6-); do \
	    $(GO) test $$t -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x > .cache/fuzz.log 2>&1 || { echo "$$t $$f"; cat .cache/fuzz.log; exit 1; }; \
	    awk -v target="$$t $$f" '/execs:/ {gsub(",", ""); time = $$3; execs = $$5} END {printf "%-50s %8s  %9d executions\n", target, time, execs}' .cache/fuzz.log; \
	  done; \
	done

bench: ## Measure what the README claims (test/bench/README.md has results)
	cd test && $(GO) run ./bench

races: ## Measure imgstream beside other writers of its branch (P7)
	cd test && $(GO) run ./races

soak: ## Run the slow suites long: properties from a new seed, 2,000 kills, half an hour of faults, a minute for each fuzz target
	$(GO) test -count=1 -timeout 90m -run TestProperties ./reconciler/plan -rapid.checks=20000 -rapid.seed=$$(date +%s)
	cd test && KILLS=2000 $(GO) test -count=1 -v -timeout 90m -run TestKill ./kill
	cd test && DURATION=30m $(GO) test -count=1 -v -timeout 90m ./soak
	$(MAKE) fuzz FUZZTIME=1m

corpus: ## Edit every entry of the kustomizations in DIR, and load the ImageStreams in STREAMS
	cd test && $(GO) run ./corpus $(abspath $(DIR))
	$(if $(STREAMS),cd test && $(GO) run ./corpus -imagestreams $(abspath $(STREAMS)))

cases: ## List the hard cases of editing, each with its outcome
	@$(GO) test -v -count=1 -run TestHardCases ./kustomize | awk -F/ '/=== RUN.*\// {gsub("_", " ", $$2); name = $$2} \
	  /cases_test.go/ {sub(/.*cases_test.go:[0-9]+: /, ""); printf "%-60s %s\n", name, $$0}'

tidy: ## Fail when go.mod or go.sum is not what go mod tidy writes
	$(GO) mod tidy -diff
	cd test && $(GO) mod tidy -diff

check: tidy lint test race ## All of what CI runs, fuzzing left out

clean: ## Remove what make built
	rm -rf $(BIN) .cache demo
