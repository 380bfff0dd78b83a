# Nothing but Go is needed to run it; each line below can be typed by hand as well.

GOTESTFLAGS ?=

.PHONY: help run doctor test check generate bench prove soak reset

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | awk -F'\t' '{ printf "make %-10s %s\n", $$1, $$2 }'

run: ## start the three programs and say what to open; Ctrl-C stops them
	@go build -o bin/dev ./internal/dev && exec bin/dev

doctor: ## why the programs do not come together, and what to do: ports, names, clocks, disk
	@go run ./internal/dev doctor

test: ## all tests, in a real browser and with clients from npm; without: make test BROWSER=none NODE=none
	@E2E_BROWSER="$$(sh tools/browser.sh '$(if $(filter command line,$(origin BROWSER)),$(BROWSER))')" && export E2E_BROWSER && \
	E2E_NODE="$$(sh tools/node.sh '$(if $(filter command line,$(origin NODE)),$(NODE))')" && export E2E_NODE && \
	without="$$(sh tools/without.sh)" && set -x && go test -timeout=20m -skip "$$without" $(GOTESTFLAGS) ./...

check: ## before every commit: gofmt, vet, staticcheck, generated files, the quick tests
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "run gofmt -w on: $$unformatted"; exit 1; }
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	sh tools/generated.sh
	go test -short -shuffle=on $$(go list ./... | grep -v /internal/e2e)

generate: ## the Go files of the templ pages
	go tool templ fmt .
	go tool templ generate

bench: ## each endpoint beside what this computer can do at most
	go run ./internal/bench

prove: ## leave out each check of the protocol in turn: a test must notice
	go test ./internal/e2e -run TestProve -count=1 -v -timeout=60m

soak: ## what takes long: kills, restarts, timing; minutes: make soak SOAK_MINUTES=10
	SOAK_MINUTES=$${SOAK_MINUTES:-$(or $(SOAK_MINUTES),30)} go test ./internal/e2e -run TestSoak -count=1 -v -timeout=4h

reset: ## forget everybody and everything: the next start is the first again
	rm -rf data
