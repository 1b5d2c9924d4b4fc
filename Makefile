# "make" lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The XMPP server of demo and run: prosody or ejabberd.
SERVER ?= prosody
ifeq ($(filter prosody ejabberd,$(SERVER)),)
$(error SERVER is prosody or ejabberd, not "$(SERVER)")
endif
# How long fuzz spends on each target.
FUZZTIME ?= 30s
# How often bench measures, in process and on real servers; it compares medians.
COUNT ?= 3
ROUNDS ?= 5
# How long soak runs, and the messages/s of its users: 1,200 are about a quarter of
# what fits through.
SOAK ?= 10m
RATE ?= 1200

# Every tag that some file is built with.
TAGS := integration,bench,compat,console,deb,kube,npm,promtool
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0

# The version stands in this file; VERSION=1.2.3 builds another.
VERSION ?= $(shell cat cmd/internal/build/VERSION)

# Go records the commit in what it builds, and fails where git refuses to tell: in
# somebody else's clone, for instance.
ifneq ($(shell git status --porcelain >/dev/null 2>&1 && echo ok),ok)
export GOFLAGS += -buildvcs=false
endif

# What is built with -race sleeps for a second before it ends, in case that a race is found
# then. Each stop of a program would be that much longer.
export GORACE ?= atexit_sleep_ms=50

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: ## build bin/stanzahook, and what the demo needs besides
	@mkdir -p bin
# One at a time: who comes second finds it done, and does not replace a program that
# the first is about to start.
	CGO_ENABLED=0 flock bin/.lock go build -ldflags '-X stanzahook/cmd/internal/build.version=$(VERSION)' -o bin/ ./cmd/stanzahook ./examples/demo ./examples/echo-go ./examples/contacts-go

# Here and below the program replaces the shell, so that Ctrl-C reaches it and make
# waits for its clean-up.
.PHONY: demo
demo: build ## show it at work, from start to end; SERVER=ejabberd for the other server
	@sh deploy/lab/install.sh $(SERVER)
	@exec bin/demo --server $(SERVER)

.PHONY: run
run: build ## start the same as demo, and leave it running for you to try; BOT=http://127.0.0.1:8080/hook: with your bot
	@sh deploy/lab/install.sh $(SERVER)
	@exec bin/demo --server $(SERVER) --keep $(if $(BOT),--bot-url '$(BOT)')

# Tests that walk through large tables with functions that have no goroutines. The race
# detector can find nothing there, and makes them ten times slower: they run without it.
TABLES := ^Test(FloodOf(Occupants|Presence|Messages|History|Items)|MarkupIsLinear|MarkupIsBounded|TemplateBounds|NoSeparatorFromMapping|ReaderSkipsTooLarge|KeysLeaveLargeStanzas|IndexIsTheLinearMatch|ManyElementsAreLinear)$$
TABLES_OF := ./pkg/hook ./pkg/jid ./pkg/muc ./pkg/restjson ./pkg/stanza ./pkg/webhook

# Tests of the store against NATS servers and full disks, in many processes, which the race
# detector makes three times slower. They run without it: it watches the same calls in the
# tests of the embedded store, and all of the store in the programs of the other half.
STORES := ^Test(OnNATS|ReplicasOnNATS|ProofNeedsMost|SweepEndsWhileNATSIsAway|StopOverALongWay|NATSPermissions|NATSSamples|NATSWithoutQuorum|CopyChild|CopyKilled|CopyRefused|DiskFull|DiskFullUnderLoad|DiskFullRefusedIsGone)$$

# Two halves of the tests, which run side by side: those of servers mostly wait. They
# need no race detector themselves; the program that they start has it where most happens at
# a time, and is counted elsewhere. In each half those that take longest begin first, so that
# none of them is alone at the end.
OF_SERVERS := $(addprefix ./deploy/,test/faults test/link test/roster test/guides ...)
OF_PACKAGES := $(addprefix ./,cmd/internal/app pkg/delivery pkg/store ...)
TEST := go test -tags integration -cover -covermode=atomic -count=1 -timeout 30m -vet=off
COVERED := -args -test.gocoverdir=$(CURDIR)/bin/cover

.PHONY: test
test: ## run the tests, with the race detector, on real servers too; not the larger ones of the targets below
	@sh deploy/lab/install.sh tests
# What is covered is counted in the tests and in the programs that they start. Some of the
# fault tests take long, and run in "make faults" alone. "make lint" vets them.
	@rm -rf bin/cover && mkdir -p bin/cover
	$(TEST) -run '$(TABLES)' $(TABLES_OF) $(COVERED)
	export STANZAHOOK_COVER=$(CURDIR)/bin/cover CGO_ENABLED=1; \
	$(TEST) -p 2 -parallel 4 -skip '^TestFaults(BotNetwork|Clock|Floods|ManyBots|SlowDisk)$$' $$(go list -tags integration $(OF_SERVERS) | grep -v '/deploy/test/attack$$') $(COVERED) & servers=$$!; code=0; \
	$(TEST) -parallel 4 -run '$(STORES)' ./pkg/store $(COVERED) || code=$$?; \
	$(TEST) -race -p 2 -parallel 4 -skip '$(TABLES)|$(STORES)' $$(go list -tags integration $(OF_PACKAGES) | grep -v '/deploy/') $(COVERED) || code=$$?; \
	wait $$servers || code=$$?; exit $$code
# What an attack does to others is seen only where nothing else does it, too: neither other
# tests nor the race detector, which the other programs have.
	STANZAHOOK_COVER=$(CURDIR)/bin/cover CGO_ENABLED=1 $(TEST) -parallel 4 ./deploy/test/attack $(COVERED)

# The clients that npm has for Slack, ntfy and Gotify; their versions stand in package.json.
.PHONY: tools-test
tools-test: ## post with the clients that npm has for Slack, ntfy and Gotify, to a user and into a room, on both servers
	@sh deploy/lab/install.sh tests
	@sh deploy/lab/install.sh console
	@mkdir -p bin/tools
	@cmp -s deploy/test/hooks/package.json bin/tools/package.json || { \
		cp deploy/test/hooks/package.json bin/tools/ && \
		npm install --prefix bin/tools --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error || { rm bin/tools/package.json; exit 1; }; }
	STANZAHOOK_TOOLS=$(CURDIR)/bin/tools CGO_ENABLED=1 go test -tags integration,npm -count=1 -timeout 9m -vet=off -v -run TestNpmClients ./deploy/test/hooks

# The modules of npm are for the test alone; their versions stand in package.json.
.PHONY: console-test
console-test: ## check the types of the console, and its pages in Chromium, on both servers; screenshots go into bin/console, that of the README to README_SCREENSHOT
	@sh deploy/lab/install.sh tests
	@sh deploy/lab/install.sh console
	@mkdir -p bin/console
	@cmp -s deploy/test/console/package.json bin/console/package.json || { \
		cp deploy/test/console/package.json bin/console/ && \
		npm install --prefix bin/console --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error || { rm bin/console/package.json; exit 1; }; }
	bin/console/node_modules/.bin/tsc -p httpapi/console
# The program is that of "make test", which counts what is covered.
	@mkdir -p bin/console/cover
	STANZAHOOK_CONSOLE=$(CURDIR)/bin/console STANZAHOOK_COVER=$(CURDIR)/bin/console/cover CGO_ENABLED=1 go test -tags integration,console -count=1 -timeout 9m -vet=off -v ./deploy/test/console

.PHONY: cover
cover: ## what the last "make test" covered, by package and in all
	@go tool covdata textfmt -i=bin/cover -o bin/cover.out
	@go tool covdata percent -i=bin/cover
	@go tool cover -func=bin/cover.out | tail -n 1

# Each fault test ends with an account of what became of everything that was sent; it
# is added to this file.
ACCOUNTS ?= bin/faults.json
FAULTS := Faults|Outages|Kill|Queue|OnNATS|Interleavings|DiskFull|Moves|Reconnects

.PHONY: faults
faults: ## the fault tests at full size: kills, outages, bad networks, disks, clocks, bots; a table of accounts
	@sh deploy/lab/install.sh tests
	@mkdir -p $(dir $(ACCOUNTS)) && rm -f $(ACCOUNTS)
# As in "make test", tests of servers and stores need no race detector themselves: with it, reading the
# store after each of a hundred kills took most of the time.
	export STANZAHOOK_FAULTS=full STANZAHOOK_ACCOUNTS=$(abspath $(ACCOUNTS)) CGO_ENABLED=1; code=0; \
	go test -tags integration -count=1 -timeout 3h -v -p 1 -run '$(FAULTS)' ./deploy/test/faults ./deploy/test/roster ./pkg/store || code=$$?; \
	go test -race -tags integration -count=1 -timeout 30m -v -p 1 -run '$(FAULTS)' ./pkg/replica ./component || code=$$?; \
	go test -tags integration -count=1 -timeout 20m -v -run '^TestFullRoom$$' ./deploy/test/link || code=$$?; \
	.ci/accounts $(ACCOUNTS) || code=$$?; exit $$code

.PHONY: cluster-faults
cluster-faults: ## of these, what happens to replicas and to their NATS, with the times in which a bot hears nothing; FAULT="is killed" TIMES=2 chooses faults of replicas by name
	@sh deploy/lab/install.sh tests
	@mkdir -p $(dir $(ACCOUNTS)) && rm -f $(ACCOUNTS)
	STANZAHOOK_FAULTS=full STANZAHOOK_FAULT='$(FAULT)' STANZAHOOK_TIMES='$(TIMES)' STANZAHOOK_ACCOUNTS=$(abspath $(ACCOUNTS)) CGO_ENABLED=1 go test -tags integration -count=1 -timeout 3h -v -run 'FaultsReplicas|FaultsNATS' ./deploy/test/faults
	@.ci/accounts $(ACCOUNTS)

# One server after the other, so that what is measured is not the other's load.
.PHONY: attack
attack: ## the attacks at full size: users and callers who try to harm others, whose answers and latencies must hold
	@sh deploy/lab/install.sh tests
	STANZAHOOK_ATTACK=full CGO_ENABLED=1 go test -tags integration -count=1 -timeout 45m -parallel 1 -v -run '^TestAttack$$' ./deploy/test/attack | grep -vE '^ *\{|^=== '

.PHONY: soak
soak: ## steady load for SOAK (10m) on SERVER, RATE (1200) messages/s; bin/soak gets samples, account and a plot
	@sh deploy/lab/install.sh tests
	@sh deploy/lab/install.sh plots
	@rm -rf bin/soak && mkdir -p bin/soak
# What was sampled is drawn if the test fails, too.
	SERVER=$(SERVER) SOAK=$(SOAK) RATE=$(RATE) SOAK_DIR=$(CURDIR)/bin/soak go run ./deploy/lab/soak && code=0 || code=1; \
	[ ! -e bin/soak/soak.csv ] || gnuplot -e "csv='bin/soak/soak.csv'" deploy/lab/soak.gnuplot >bin/soak/soak.svg || code=1; \
	exit $$code

.PHONY: growth
growth: ## measure how costs grow with endpoints, conversations, sizes and what waits; writes deploy/guide/growth; AXES=endpoints,… for some
	@sh deploy/lab/install.sh plots
	AXES=$(AXES) GROWTH_DIR=$(CURDIR)/deploy/guide/growth go run ./deploy/lab/growth | grep -vE '^ *\{'
	@cd deploy/guide/growth && for a in endpoints:1:1 pulled:1:1 conversations:1:1 bytes:0:1024 waiting:1:1; do IFS=: read -r axis logs unit <<<"$$a"; [ -e $$axis.csv ] || continue; \
		gnuplot -e "csv='$$axis.csv'; axis='$$axis'; logs=$$logs; unit=$$unit" ../../lab/growth/growth.gnuplot >$$axis.svg; done

.PHONY: compat
compat: ## with the real mod_rest and mod_remote_roster: MODULES=a directory with their source
	@sh deploy/lab/install.sh tests
	MODULES=$(MODULES) go test -tags integration,compat -count=1 -timeout 15m -v -p 1 -run 'TestRestCompat|TestRosterCompat' ./deploy/test/http ./deploy/test/roster

.PHONY: alerts
alerts: ## check the alert rules and the metrics with promtool
	@sh deploy/lab/install.sh promtool
	go test -tags promtool -count=1 -timeout 5m -run 'Promtool|Alerts|Dashboard' ./cmd/internal/app

# Not in CI: building helm takes some minutes where it was not built before.
.PHONY: kube-test
kube-test: ## check the Helm chart: lint, manifests against the types of Kubernetes, its configuration
	go test -tags kube -count=1 -timeout 30m ./deploy/helm

# "make test" takes the servers of this machine. RUN names tests and PACKAGES packages; all
# by default.
.PHONY: newer
newer: ## the tests on Prosody and ejabberd of the next Debian, which are unpacked into bin; RUN=names of tests
	@mkdir -p bin
	@sh deploy/lab/install.sh tests
	@sh deploy/lab/install.sh newer bin/newer
# As in "make test", attacks are alone. Races are looked for there.
	export PROSODY_ROOT=$(CURDIR)/bin/newer EJABBERD_ROOT=$(CURDIR)/bin/newer CGO_ENABLED=1; code=0; \
	go test -tags integration -count=1 -timeout 30m -p 2 -parallel 4 -skip '^TestFaults(BotNetwork|Clock|Floods|ManyBots|SlowDisk)$$' $(if $(RUN),-run '$(RUN)') $(or $(PACKAGES),$$(go list -tags integration ./... | grep -v '/deploy/test/attack$$')) || code=$$?; \
	$(if $(PACKAGES),,go test -tags integration -count=1 -timeout 30m -parallel 4 $(if $(RUN),-run '$(RUN)') ./deploy/test/attack || code=$$?;) exit $$code

.PHONY: bench
bench: ## measure everything; MODULES=the Prosody modules' source, OTHER=another build's path, to compare with
	@sh deploy/lab/install.sh tests
	@[ -z "$(MODULES)" ] || sh deploy/lab/install.sh modules
	@rm -rf bin/bench && mkdir -p bin/bench
	go test -run '^$$' -bench . -benchmem -count=$(COUNT) -timeout 30m ./pkg/... ./component ./cmd/... | tee bin/bench/go.txt
	MODULES="$(abspath $(MODULES))" OTHER="$(abspath $(OTHER))" ROUNDS=$(ROUNDS) go run ./deploy/lab/bench | grep -vE '^ *\{'
	UPDATE_DOC=$(UPDATE_DOC) go run ./deploy/lab/bench figures

.PHONY: profile
profile: ## where our CPU goes at full load on real servers, as a table; the profiles are in bin/bench
	@sh deploy/lab/install.sh tests
	ROUNDS=$(ROUNDS) go test -tags integration,bench -count=1 -timeout 10m -run '^TestPathProfile$$' -v ./cmd/internal/app | grep -v '^=== '

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ {names[++n] = $$1} /^ok/ {while (n) print $$2, names[n--]}' | \
	while read -r package name; do \
		echo "$$package $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -timeout 1h "$$package" </dev/null; \
	done

.PHONY: lint
lint: ## check format, vet, staticcheck, known vulnerabilities
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "not as gofmt has it:"; echo "$$bad"; exit 1; }
	go vet ./...
	go vet -tags $(TAGS) ./...
	go run $(STATICCHECK) -tags $(TAGS) ./...
# Through "go run" its exit code would be lost: 3 is a vulnerability, all others mean
# that it could not look, for which the code at hand is not to blame.
	@GOBIN=$(CURDIR)/bin/tools go install $(GOVULNCHECK) && code=0 || code=1; \
	[ $$code != 0 ] || timeout 180 bin/tools/govulncheck -tags $(TAGS) ./... || code=$$?; \
	case $$code in \
	0) ;; \
	3) exit 1 ;; \
	*) echo "known vulnerabilities: NOT CHECKED, the list or the checker is not within reach (see above)" ;; \
	esac

.PHONY: licenses
licenses: ## list the licenses of the modules that the program is built of
	@sh deploy/licenses.sh --list

.PHONY: deb
deb: ## build dist/stanzahook_VERSION_ARCH.deb for this machine
	@ARCHS=$$(go env GOHOSTARCH) sh deploy/release.sh $(VERSION) dist
	@ls dist/*.deb

.PHONY: deb-test
deb-test: ## install, upgrade and purge the package on a layer over this machine
	@sh deploy/lab/install.sh package
	go test -tags integration,deb -count=1 -timeout 15m -v ./deploy/debian

.PHONY: trial
trial: ## follow the operator's guide on a fresh Debian with its own server; SERVER=prosody or ejabberd for one
	@sh deploy/lab/install.sh trial
	@sh deploy/trial/base.sh $(CURDIR)/bin/trial-debian
	SERVER=$(if $(filter file,$(origin SERVER)),,$(SERVER)) go test -tags integration,deb -count=1 -timeout 45m -v ./deploy/trial

.PHONY: release
release: ## build what is released into dist: programs, packages, SBOMs, SHA256SUMS
	sh deploy/release.sh $(VERSION) dist
	@cat dist/SHA256SUMS

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
