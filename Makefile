# One target a job; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
RUN := .venv/bin
.PHONY: help setup dev run train test check format lint types data validate shell evaluate lock browser tools clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## make .venv from the hashed lock (nothing when up to date)
	@bot/set_up.sh

dev: ## setup plus the tools for tests and checks
	@bot/set_up.sh --dev

run: setup ## set up whatever is missing and start everything on 127.0.0.1:8080
	@exec $(RUN)/mianzheng run

train: setup ## train the model if its inputs have changed
	@$(RUN)/mianzheng train

browser: ## install Chromium and a Chinese font for the page tests, where missing
	@tests/install.sh browser

tools: ## install PostgreSQL and PDF tools for the casebook's tests, where missing
	@tests/install.sh tools

test: dev browser tools ## all tests: units, the real stack, the page in Chromium, a fresh clone
	@$(RUN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder

check: dev browser tools format lint types data validate test ## what CI runs

format: ## fail where the code is not formatted (ruff format to mend)
	@$(RUN)/ruff format --check bot nlu actions catalogue connectors tests benchmarks

lint: ## ruff's rules
	@$(RUN)/ruff check bot nlu actions catalogue connectors tests benchmarks

types: ## mypy
	@$(RUN)/mypy

data: ## check the catalogue's rows and vocabulary
	@$(RUN)/mianzheng catalogue check

validate: ## Rasa's own check of domain, rules and training data
	@RASA_TELEMETRY_ENABLED=false $(RUN)/rasa data validate --data nlu/data bot/dialogue --fail-on-warnings

shell: train ## talk to the model in this terminal
	@$(RUN)/mianzheng shell

evaluate: setup ## run the evaluation sets through a system that is already running; writes a report
	@$(RUN)/mianzheng evaluate

lock: ## renew the lock files from pyproject.toml
	@$(RUN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.10 pyproject.toml -o requirements.lock
	@$(RUN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.10 --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove the environment, models and local data
	@rm -rf .venv models var *.egg-info
