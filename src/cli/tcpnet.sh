#!/bin/sh
# tcpnet from source, for any folder and for root: Bun alone would take settings, variables and code from the current
# directory and from its environment (docs/adr/0051). The compiled ./tcpnet needs none of this.
unset BUN_OPTIONS BUN_INSPECT BUN_INSPECT_PRELOAD NODE_COMPILE_CACHE
export BUN_RUNTIME_TRANSPILER_CACHE_PATH=0
exec bun --config=/dev/null --no-env-file --no-install --tsconfig-override=/dev/null "${0%/*}/main.ts" "$@"
