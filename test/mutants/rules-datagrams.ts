/** UDP, echo requests, and what a stack sends to itself. */
import type { RuleMutant } from "./rules.ts";

export const DATAGRAMS: readonly RuleMutant[] = [
  {
    name: "a datagram over IPv6 needs no checksum",
    file: "udp/udp.ts",
    find: "if (udphdr.checksum(v, o) === 0) return family === 4;",
    replace: "if (udphdr.checksum(v, o) === 0) return true;",
    by: "test/udp/udp.test.ts",
  },
  {
    name: "a connected socket hears everybody",
    file: "udp/udp-endpoint.ts",
    find: "return remote === null || (port === this.remotePort && remote.equalsWords(a, b, c, d));",
    replace: "return remote === null || a !== b || a === b;",
    by: "test/udp/udp.test.ts",
  },
  {
    name: "a socket that is not connected hears of ICMP errors",
    file: "udp/udp.ts",
    find: "if (endpoint.remote === null || !endpoint.hears(r0, r1, r2, r3, remotePort)) continue;",
    replace: "if (!endpoint.hears(r0, r1, r2, r3, remotePort)) continue;",
    by: "test/udp/udp.test.ts",
  },
  {
    name: "anybody lowers the path MTU of datagrams",
    file: "stack/datagrams.ts",
    find: "if (e.kind === TOO_BIG && isOurs) {",
    replace: "if (e.kind === TOO_BIG) {",
    by: "test/udp/udp.test.ts",
  },
  {
    name: "datagrams go before segments",
    file: "stack/driver-side.ts",
    find: "this.#datagramsFirst = !this.#datagramsFirst;",
    replace: "",
    by: "test/udp/udp.test.ts",
  },
  {
    name: "any data is a reply to an echo request",
    file: "icmp/echo-requests.ts",
    find: "this.#hasToken(run, o + icmpv4.HEADER);",
    replace: "o >= 0;",
    by: "test/icmp/echo-requests.test.ts",
  },
  {
    name: "any host answers an echo request",
    file: "icmp/echo-requests.ts",
    find: "      run.remote.equalsWords(s0, s1, s2, s3) &&\n",
    replace: "",
    by: "test/icmp/echo-requests.test.ts",
  },
  {
    name: "the device may bring packets from our own addresses",
    file: "ip/input.ts",
    find: "if (fromInside) return 0;",
    replace: "if (fromInside || d0 === d1) return 0;",
    by: "test/ip/input.test.ts",
  },
  {
    name: "the device may bring packets for loopback addresses",
    file: "ip/input.ts",
    find: "!(fromInside && isLoopback(d0, d1, d2, d3))",
    replace: "!isLoopback(d0, d1, d2, d3)",
    by: "test/stack/calls.test.ts",
  },
  {
    name: "a stack talks to itself without end",
    file: "stack/driver-side.ts",
    find: "loops < LOOPS_MAX; loops++",
    replace: "loops < LOOPS_MAX; loops += 0",
    by: "test/stack/calls.test.ts",
  },
];
