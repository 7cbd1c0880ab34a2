# tcpnet: the door for people. `just` lists what there is.

export PATH := justfile_directory() / "node_modules/.bin" + ":" + env("PATH")

# list the recipes
default:
    @just --list --unsorted

# install what the lockfile names, nothing else
install:
    bun install --frozen-lockfile

# compile ./tcpnet, one file
build: install
    bun run build

# the experiment in a network of its own; flags as for tcpnet demo
demo *FLAGS: build
    ./tcpnet demo {{FLAGS}}

# what CI runs: lint, types, every test
check: install
    bun run test/run.ts

# tests; folders or names narrow it down (just test test/tcp)
test *WHAT:
    bun test --timeout 30000 {{WHAT}}

# end-to-end tests in network namespaces (root, or user namespaces and /dev/net/tun)
e2e:
    bun test test/e2e

# format and fix what can be fixed
fmt:
    biome check --write .

# types alone
types:
    tsc --noEmit

# throughput over two TUN devices, each way of running it, beside the reference
bench SECONDS="2": build
    bun test/bench/bench.ts {{SECONDS}}

# N random simulations from SEED on; a failing one prints how to replay it
sim N="1000" SEED="1":
    bun test/sim/run.ts {{N}} {{SEED}}

# N fuzzed packets from SEED on (nightly: a million); a finding is shrunk and prints how to replay it
fuzz N="1000000" SEED="1":
    bun test/fuzz/run.ts {{N}} {{SEED}}

# the mutants of the stack, each hunted from seed 1 on (the test run begins with the seed that caught it last)
mutants:
    MUTANT_FROM_1=1 bun test test/mutants --timeout 600000

# an expectation made wrong in every script of ours and every way (the test run takes a third of them)
drill-mutants:
    DRILL_MUTANTS=all bun test test/drill/mutants.test.ts --timeout 600000

# docs/CONFORMANCE.md from its table
conformance:
    bun test/conformance/generate.ts

# packetdrill scripts in virtual time: our own as they are meant, or those that are named, as for tcpnet drill
drill *FILES:
    {{ if FILES == "" { "bun test test/drill" } else { "src/cli/tcpnet.sh drill " + FILES } }}

# the same scripts against this machine's kernel, in real time: where does it differ? (root, or user namespaces)
oracle *WORDS:
    bun test/kernel/oracle.ts {{WORDS}}

# N random conversations from SEED on, as our stack has them, against this machine's kernel; what differs is kept
explore N="50" SEED="1":
    bun test/kernel/explore.ts {{N}} {{SEED}}

# a newcomer's walk on the smallest Debian that debootstrap makes: both commands of the README (root; half an hour)
newcomer FOLDER="/var/tmp":
    bun test/newcomer/newcomer.ts {{FOLDER}}

# start the program from source, without compiling, safe in any folder: just run host tun0 10.0.0.1/24 10.0.1.5
run *ARGS:
    src/cli/tcpnet.sh {{ARGS}}

# remove what was built
clean:
    rm -f tcpnet *.bun-build
