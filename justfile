# Recipes for tcpnet. `just` lists them.

export PATH := justfile_directory() / "node_modules/.bin" + ":" + env("PATH")

# list the recipes
default:
    @just --list --unsorted

# install exactly what the lockfile names
install:
    bun install --frozen-lockfile

# compile ./tcpnet, one file
build: install
    bun run build

# build dist/, which npm pack packs
package: install
    bun run package

# run the experiment in a private network; flags as for tcpnet demo
demo *FLAGS: build
    ./tcpnet demo {{FLAGS}}

# run what CI runs: lint, types, all tests
check: install
    bun run test/run.ts --all

# run tests; name folders or files to run only those (just test test/tcp)
test *WHAT:
    bun test --timeout 30000 {{WHAT}}

# run the end-to-end tests in network namespaces (needs root, or user namespaces and /dev/net/tun)
e2e:
    bun test test/e2e

# format, and fix what biome can fix
fmt:
    biome check --write .

# check types only
types:
    tsc --noEmit

# throughput of run beside slirp4netns and pasta (Debian: slirp4netns, passt, iperf3), as root
forwarders ROUNDS="3":
    bun test/bench/forwarders.ts {{ROUNDS}}

# measure beside the kernel's TCP and beside the pump, with the compiled program in private networks; flags as for tcpnet bench --vs
bench *FLAGS: build
    ./tcpnet bench --vs kernel {{FLAGS}}
    ./tcpnet bench --vs pump {{FLAGS}}

# measure everything in docs/PERFORMANCE.md, and write it there (about ten minutes; the machine should do nothing else)
performance ROUNDS="5": build
    bun test/bench/performance.ts {{ROUNDS}}

# make the pictures of README.md by the program itself (needs chromium and tmux)
pictures:
    bun test/bench/pictures.ts

# measure the atlas of goodput, docs/GOODPUT.md, in virtual time (an hour; an interrupted run goes on)
goodput:
    bun test/bench/goodput.ts

# run N random simulations from SEED on; a failing one prints how to replay it
sim N="1000" SEED="1":
    bun test/sim/run.ts {{N}} {{SEED}}

# send N fuzzed packets from SEED on (nightly: a million); a failure is shrunk and prints how to replay it
fuzz N="1000000" SEED="1":
    bun test/fuzz/run.ts {{N}} {{SEED}}

# run the simulations against mutants of the stack, each from seed 1 on (the test run begins with the seed that found it last), and the test of
# each rule against the mutant that breaks it (the test run takes each eighth)
mutants:
    MUTANT_FROM_1=1 bun test test/mutants --timeout 600000

# break each expectation in each of our scripts in every way, and check that the script fails (the test run takes a fifth of them)
drill-mutants:
    DRILL_MUTANTS=all bun test test/drill/mutants.test.ts --timeout 600000

# generate docs/CONFORMANCE.md from its table
conformance:
    bun test/conformance/generate.ts

# generate the library's API reference in out/api from the docstrings (index.html is its first page)
api: install
    bun test/package/reference.ts

# run packetdrill scripts in virtual time: all of ours, or the named ones as with tcpnet drill
drill *FILES:
    {{ if FILES == "" { "bun test test/drill" } else { "src/cli/tcpnet.sh drill " + FILES } }}

# run our scripts against this machine's kernel, in real time, and show differences (needs root, or user namespaces)
oracle *WORDS:
    bun test/kernel/oracle.ts {{WORDS}}

# replay N random conversations of our stack, from SEED on, against this machine's kernel; keep those that differ
explore N="50" SEED="1" MIX="sender" PROFILE="default":
    bun test/kernel/explore.ts {{N}} {{SEED}} 12 {{MIX}} {{PROFILE}}

# run both commands of the README on a minimal Debian made by debootstrap (needs root; half an hour)
newcomer FOLDER="/var/tmp":
    bun test/newcomer/newcomer.ts {{FOLDER}}

# run the program from source, without compiling; safe in any folder: just run host tun0 10.0.0.1/24 10.0.1.5
run *ARGS:
    src/cli/tcpnet.sh {{ARGS}}

# remove the built files
clean:
    rm -f tcpnet *.bun-build
