# The dashboard's page. Node makes it of host/dashboard/page, whose package-lock.json pins all that it is made with.
#
#   make dashboard        types of the API, then host/dashboard/built: both are committed
#   make dashboard-check  makes them again and compares
#   make browser          Chromium uses it, and Lighthouse looks at it but for its speed
#   make screenshots      pictures of all screens
#   make bench-dashboard  how long each step in long lists takes
#   make lighthouse       what Lighthouse says of the overview

PAGE    := host/dashboard/page
MODULES := $(PAGE)/node_modules/.package-lock.json
PAGE_DOCUMENT := .cache/openapi.json

# What is not there is no failure, unless PICLOUD_REQUIRE_BROWSER says that it must be.
SKIPPED = [ -z "$$PICLOUD_REQUIRE_BROWSER" ] && echo skipped

CHROMIUM ?= $(shell command -v chromium)
HAS_NODE  = command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'

.PHONY: dashboard dashboard-check dashboard-compare page-document browser screenshots bench-dashboard lighthouse with-browser

$(MODULES): $(PAGE)/package-lock.json
	cd $(PAGE) && npm ci --silent --no-audit --no-fund
	touch $@

page-document:
	mkdir -p .cache
	PICLOUD_DOCUMENT_WRITE=$(CURDIR)/$(PAGE_DOCUMENT) go test -count=1 -run TestDocumentIsWritten ./host/api

dashboard: $(MODULES) page-document
	cd $(PAGE) && npm run --silent types -- $(CURDIR)/$(PAGE_DOCUMENT) -o src/api/schema.d.ts && npm run --silent check && npm run --silent build

dashboard-check:
	@if $(HAS_NODE); then $(MAKE) --no-print-directory dashboard-compare; \
	else echo "dashboard-check: it needs Node 18 or newer with npm"; $(SKIPPED); fi

dashboard-compare: $(MODULES) page-document
	made=$$(mktemp -d) && trap 'rm -rf '$$made EXIT && cd $(PAGE) && \
	npm run --silent types -- $(CURDIR)/$(PAGE_DOCUMENT) -o $$made/schema.d.ts && cmp $$made/schema.d.ts src/api/schema.d.ts && \
	npm run --silent check && PICLOUD_BUILT=$$made/built npm run --silent build && diff -r $$made/built ../built

browser:
	@if $(HAS_NODE) && [ -n "$(CHROMIUM)" ]; then $(MAKE) --no-print-directory with-browser SCRIPT=test; \
	else echo "browser: it needs Node 18 or newer with npm, and Chromium"; $(SKIPPED); fi

screenshots:
	$(MAKE) --no-print-directory with-browser SCRIPT=screenshots

bench-dashboard:
	$(MAKE) --no-print-directory with-browser SCRIPT=bench

lighthouse:
	$(MAKE) --no-print-directory with-browser SCRIPT=lighthouse

with-browser: $(MODULES)
	PICLOUD_BROWSER=$(CHROMIUM) PICLOUD_BROWSER_SCRIPT=$(SCRIPT) go test -count=1 -timeout 60m -run TestBrowser -v ./host/e2e
