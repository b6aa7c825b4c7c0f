# make test, make bench and make storm get what they need by themselves; the
# others need only Go.

GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null)
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK ?= golang.org/x/vuln/cmd/govulncheck@v1.9.0
NFPM        ?= github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
GREMLINS    ?= github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
FUZZTIME    ?= 20s

.PHONY: build test short race manifests setup lint reference vuln fuzz mutate bench microbench storm demo packages deb rpm clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/fermata ./cmd/fermata

# All tests, with the race detector; in this order, with make -j too.
.NOTPARALLEL:
test: setup lint race manifests packages

# Many tests wait most of their time, so that more of them, and of their packages, than
# there are cores run at once. The packages that take longest begin: the last one runs
# alone.
race:
	$(GO) test -race -p 4 -parallel 4 -timeout 25m ./proxy/relay ./internal/app ./cmd/fermata ./...

# deploy/ as the API server and Compose read it; what that takes is compiled at the
# first time, in some minutes. Go's cache does not see that files beyond the module
# have changed.
manifests:
	$(GO) -C deploy/validate test -count=1 ./...

# The packages, and what becomes of the Debian one when it is installed, started,
# upgraded and removed.
packages: deb rpm
	.ci/test-packages

deb rpm: build
	@VERSION="$(VERSION)" NFPM="$(GO) run $(NFPM)" .ci/package $@

# What takes no more than half a minute on two idle cores, and needs neither npm nor
# a browser. It tells what it skips.
short:
	@$(GO) test -short -v ./... 2>&1 | awk -f .ci/short.awk

setup:
	.ci/setup

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# Known vulnerabilities in what we depend on; needs the vulnerability database.
vuln:
	$(GO) run $(GOVULNCHECK) ./...

# The pages in docs/ that are made of what is in the code; their tests fail when one
# is not as this writes it.
reference:
	$(GO) test ./internal/metrics ./internal/config -run '^TestThePageOfThe' -update

# Every fuzz target in turn, for FUZZTIME each.
fuzz:
	@$(GO) list ./... | while read -r package; do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

# Which mutants of the lines that differ from main no test of their own package
# notices, tests that -short leaves out apart; new files count once git knows them. A
# mutant takes as long as a build and these tests: seconds, for internal/app a minute or
# two. MUTATE has packages, in the place of all that differ; with SINCE= all of their
# lines are tried, which takes hours.
MUTATE ?=
SINCE  ?= main
mutate:
	@.ci/mutate $(GREMLINS) "$(SINCE)" $(MUTATE)

# What a client costs Fermata, nginx, HAProxy and Caddy, in about half an hour; BENCH
# has its flags, such as -only idle/plain.
bench:
	.ci/setup-bench
	$(GO) run ./internal/lab/bench $(BENCH)

# Go's own benchmarks of the parts.
microbench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# What becomes of 5,000 real clients when nodes end, and when the balancer is upgraded,
# here and with nginx and HAProxy; STORM has its flags: -only cluster is three Fermatas
# that act as one, -only i the upgrade alone.
storm: setup
	-.ci/setup-bench
	$(GO) run ./internal/lab/storm $(STORM)

demo:
	$(GO) run ./cmd/fermata demo

clean:
	rm -rf bin
