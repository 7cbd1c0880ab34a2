/**
 * RFC 9293, Appendix B: all 119 requirements, what tcpnet does about each, and the tests that prove it. `docs/CONFORMANCE.md`
 * is generated from this table by `bun test/conformance/generate.ts`.
 */

/** A file below `test/` (without `.test.ts`) and a part of the names of its tests that are the proof. */
export type Proof = readonly [file: string, name: string];

export interface Requirement {
  readonly id: string;
  /** The requirement in short. */
  readonly meaning: string;
  /**
   * `yes`: done, and tests prove it. `no`: not done, `note` says why. `n/a`: it does not apply to this stack,
   * `note` says why.
   */
  readonly verdict: "yes" | "no" | "n/a";
  readonly proofs: readonly Proof[];
  readonly note: string;
}

const rows: Requirement[] = [];

function yes(id: string, meaning: string, proofs: readonly Proof[], note = ""): void {
  rows.push({ id, meaning, verdict: "yes", proofs, note });
}

function no(id: string, meaning: string, note: string, proofs: readonly Proof[] = []): void {
  rows.push({ id, meaning, verdict: "no", proofs, note });
}

function notApplicable(id: string, meaning: string, note: string, proofs: readonly Proof[] = []): void {
  rows.push({ id, meaning, verdict: "n/a", proofs, note });
}

const SOURCE_ROUTES =
  "IPv4 source routes are not supported: a packet with one is dropped and counted (`ipv4.source-routed`), as RFC 7126 advises; a TUN has one next hop.";
const IP_OPTIONS = "No call sets IP options; received ones are ignored.";

// Header, options, checksum
yes("MUST-1", "the window is an unsigned 16-bit number", [["tcp/machine/requirements", "MUST-1"]]);
yes("MUST-2", "the sender computes the checksum", [["tcp/machine/requirements", "of odd and even lengths"]]);
yes("MUST-3", "the receiver verifies the checksum and drops bad segments", [["stack/calls", "MUST-3"]]);
yes("MUST-4", "end of list, no-operation and MSS are supported", [
  ["tcp/open/handshake", "MUST-6"],
  ["tcp/open/handshake", "MUST-14"],
]);
yes("MUST-5", "options are accepted in any segment", [
  ["tcp/open/handshake", "MUST-5"],
  ["tcp/open/handshake", "MUST-6"],
]);
yes("MUST-6", "unknown options are skipped without an error", [
  ["tcp/open/handshake", "MUST-6"],
  ["fuzz/codecs", "slow twin says"],
]);
yes(
  "MUST-7",
  "an illegal option length does no harm",
  [
    ["tcp/open/handshake", "MUST-7"],
    ["fuzz/codecs", "any octets whatever"],
  ],
  "The options before it are used; the rest is not read.",
);
// Initial sequence numbers
yes("MUST-8", "the ISN has a part driven by a clock", [["tcp/open/isn", "M moves by one"]]);
yes("MUST-9", "the ISN cannot be computed from outside", [
  ["tcp/open/isn", "F differs"],
  ["tcp/open/isn", "no common divisor"],
]);
// Opening and closing
yes("MUST-10", "simultaneous open works", [
  ["tcp/open/handshake", "SYNs cross"],
  ["tcp/open/handshake", "a plain ACK does it"],
]);
yes("MUST-11", "SYN-RECEIVED remembers whether it came from LISTEN or SYN-SENT", [["tcp/open/handshake", "MUST-11"]]);
yes("MUST-12", "the application learns of a normal close, and of an abort", [
  ["tcp/machine/close", "MUST-12"],
  ["tcp/machine/arrives", "a reset flushes"],
]);
yes(
  "MUST-13",
  "the active closer stays in TIME-WAIT for 2 MSL",
  [["tcp/machine/close", "MUST-13"]],
  "MSL is 30 s by default (`timeWait`), as in Linux and FreeBSD.",
);
// Segment size
yes("MUST-14", "MSS is sent and received", [["tcp/open/handshake", "MUST-14"]]);
yes("MUST-15", "no MSS option: 536, or 1220 over IPv6", [["tcp/open/handshake", "MUST-15"]]);
yes("MUST-16", "the effective MSS is what peer and path take, less the options", [["tcp/open/handshake", "MUST-16"]]);
yes("MUST-17", "Nagle can be switched off per connection", [
  ["tcp/send/nagle", "MUST-17"],
  ["tcp/send/nagle", "switched off on a living"],
]);
// Timers and congestion
yes(
  "MUST-18",
  "RTO after RFC 6298, with Karn",
  [
    ["tcp/loss/recovery", "(2.2)"],
    ["tcp/loss/recovery", "Karn"],
  ],
  "The minimum is 200 ms instead of 1 s, as in Linux.",
);
yes("MUST-19", "slow start, congestion avoidance, exponential back-off", [
  ["tcp/loss/recovery", "slow start: each"],
  ["tcp/loss/recovery", "avoidance: about"],
  ["tcp/loss/recovery", "(5.5)"],
]);
yes(
  "MUST-20",
  "R1: advice to IP; R2: the connection is closed",
  [
    ["tcp/receive/window", "MUST-20"],
    ["tcp/loss/recovery", "SHLD-11"],
  ],
  "At R1 the user is notified; on a TUN, IP has no second route.",
);
yes("MUST-21", "the application sets R2", [["tcp/loss/recovery", "MUST-21"]]);
yes("MUST-22", "R1 and R2 hold for SYNs too", [["tcp/open/handshake", "MUST-22"]]);
yes("MUST-23", "R2 of a SYN is at least three minutes", [["tcp/open/handshake", "MUST-23"]]);
yes("MUST-24", "keep-alive is switched per connection", [["tcp/machine/keep-alive", "MUST-24"]]);
yes("MUST-25", "keep-alive is off by default", [["tcp/machine/keep-alive", "MUST-25"]]);
yes("MUST-26", "keep-alive only when idle with nothing in flight", [["tcp/machine/keep-alive", "MUST-26"]]);
yes("MUST-27", "the keep-alive interval is configurable", [["tcp/machine/keep-alive", "MUST-27"]]);
yes("MUST-28", "its default is at least two hours", [["tcp/machine/keep-alive", "MUST-28"]]);
yes("MUST-29", "one unanswered probe does not kill", [["tcp/machine/keep-alive", "MUST-29"]]);
// Urgent
yes("MUST-30", "the urgent mechanism exists", [["tcp/send/nagle", "the pointer names"]]);
yes("MUST-31", "urgent data of any length", [["tcp/send/nagle", "MUST-31"]]);
yes("MUST-32", "the application is told of urgent data at once", [["tcp/send/nagle", "MUST-32"]]);
yes("MUST-33", "the application may ask how much urgent data is left", [["tcp/send/nagle", "MUST-33"]]);
// Windows
yes("MUST-34", "the sender survives a shrunk window", [["tcp/receive/window", "MUST-34"]]);
yes("MUST-35", "a window shrunk to zero is probed as any other", [["tcp/receive/window", "MUST-35"]]);
yes("MUST-36", "zero windows are probed", [["tcp/receive/window", "MUST-36"]]);
yes("MUST-37", "answered probes keep the connection open for ever", [["tcp/receive/window", "MUST-37"]]);
yes("MUST-38", "the sender avoids silly windows", [
  ["tcp/receive/window", "MUST-38"],
  ["tcp/receive/window", "the override"],
]);
yes("MUST-39", "the receiver avoids silly windows", [["tcp/receive/window", "MUST-39"]]);
yes("MUST-40", "an ACK is delayed by less than half a second", [["tcp/receive/window", "MUST-40"]]);
// Calls
yes("MUST-41", "a passive OPEN disturbs no other connection", [["stack/calls", "MUST-41"]]);
yes("MUST-42", "LISTEN on a port that has connections in SYN-SENT or SYN-RECEIVED", [["stack/calls", "MUST-42"]]);
yes("MUST-43", "OPEN takes a local address", [["stack/calls", "MUST-43"]]);
yes("MUST-44", "IP is asked for the source address before the first SYN", [["stack/calls", "MUST-44"]]);
yes("MUST-45", "the connection keeps that address", [["stack/calls", "MUST-45"]]);
yes("MUST-46", "OPEN to a broadcast or multicast address is refused", [["stack/calls", "MUST-46"]]);
yes("MUST-47", "soft errors can be reported", [
  ["tcp/machine/icmp", "never ends a connection"],
  ["tcp/receive/window", "MUST-20"],
]);
yes("MUST-48", "the application sets the DSCP", [["stack/calls", "MUST-48"]]);
yes("MUST-49", "the TTL is configurable", [["stack/calls", "MUST-49"]]);
// Below TCP
yes("MUST-50", "IP options that are not understood are ignored", [["stack/calls", "MUST-50"]]);
notApplicable("MUST-51", "a source route may be given on an active OPEN", SOURCE_ROUTES);
notApplicable("MUST-52", "it overrides one that was received", SOURCE_ROUTES);
notApplicable("MUST-53", "the return route is saved on a passive OPEN", SOURCE_ROUTES);
yes("MUST-54", "ICMP errors reach the connection they are about", [
  ["tcp/machine/icmp", "only what is in flight"],
  ["tcp/machine/icmp", "never ends a connection"],
]);
yes("MUST-55", "source quench is dropped in silence", [["tcp/machine/icmp", "MUST-55"]]);
yes("MUST-56", "unreachable 0, 1, 5, time exceeded, parameter problem never abort", [
  ["tcp/machine/icmp", "never ends a connection"],
]);
yes("MUST-57", "a SYN to a broadcast or multicast address is dropped in silence", [["tcp/machine/arrives", "MUST-57"]]);
// Acknowledging and pushing
yes("MUST-58", "ACKs are aggregated", [["tcp/receive/window", "MUST-58"]]);
yes("MUST-59", "a queue of segments is worked off before an ACK goes", [["tcp/receive/window", "MUST-59"]]);
yes("MUST-60", "without PUSH calls data is not held for ever", [
  ["tcp/send/nagle", "MUST-60"],
  ["tcp/machine/requirements", "MUST-60"],
]);
yes("MUST-61", "without PUSH calls PSH stands on the last queued segment", [["tcp/send/nagle", "MUST-61"]]);
yes("MUST-62", "the urgent pointer names the octet after the urgent data", [["tcp/send/nagle", "the pointer names"]]);
yes("MUST-63", "a SYN from an impossible source is ignored", [["tcp/machine/arrives", "MUST-63"]]);
yes("MUST-64", "options need not be aligned", [
  ["tcp/open/handshake", "MUST-64"],
  ["fuzz/codecs", "at any alignment"],
]);
yes("MUST-65", "MSS stands in SYNs only", [["tcp/machine/requirements", "MUST-65"]]);
yes("MUST-66", "RST and URG are processed at a zero window", [["tcp/machine/arrives", "MUST-66"]]);
yes("MUST-67", "the MSS sent is at most what our link takes", [["tcp/open/handshake", "MUST-67"]]);
yes("MUST-68", "all options but two have a length", [
  ["tcp/machine/requirements", "MUST-68"],
  ["tcp/open/handshake", "MUST-68"],
]);
yes("MUST-69", "the padding after the options is zero", [["tcp/machine/requirements", "MUST-69"]]);

yes("SHLD-1", "ISN = M + F(4-tuple, secret)", [
  ["tcp/open/isn", "M moves by one"],
  ["tcp/open/isn", "F differs"],
]);
yes(
  "SHLD-2",
  "data in an RST is accepted",
  [["tcp/machine/requirements", "SHLD-2"]],
  "It is not delivered to the user.",
);
yes("SHLD-3", "close with unread data, or data after close: RST", [
  ["tcp/machine/close", "with unread data"],
  ["tcp/machine/close", "data afterwards"],
]);
yes("SHLD-4", "timestamps shorten TIME-WAIT (RFC 6191)", [
  ["tcp/machine/close", "with timestamps the timestamp decides"],
]);
yes("SHLD-5", "MSS is sent where it is not the default", [["tcp/machine/requirements", "SHLD-5"]]);
yes(
  "SHLD-6",
  "the MSS depends on the smallest MTU of the interfaces",
  [["tcp/machine/requirements", "SHLD-6"]],
  "A stack has one link.",
);
yes(
  "SHLD-7",
  "Nagle",
  [
    ["tcp/send/nagle", "rfc896: while"],
    ["tcp/send/nagle", "minshall: while"],
  ],
  "Minshall's variant by default, RFC 896's as an option.",
);
yes(
  "SHLD-8",
  "ECN (RFC 3168)",
  [
    ["tcp/send/ecn", "our SYN is"],
    ["tcp/send/ecn", "new data is ECT(0)"],
    ["tcp/send/ecn", "ECE halves cwnd"],
    ["tcp/send/ecn", "until CWR comes"],
  ],
  "By default if the peer requests it (`ecn`).",
);
yes("SHLD-9", "the application is told between R1 and R2", [["tcp/receive/window", "SHLD-9"]]);
yes("SHLD-10", "R1 is at least three retransmissions", [["tcp/receive/window", "SHLD-10"]]);
yes("SHLD-11", "R2 is at least 100 s", [["tcp/loss/recovery", "SHLD-11"]]);
yes("SHLD-12", "keep-alive probes carry no data", [["tcp/machine/keep-alive", "SHLD-12"]]);
notApplicable("SHLD-13", "new applications do not use urgent data", "Advice to applications. Ours do not.");
yes("SHLD-14", "a receiver does not shrink the window", [["tcp/receive/window", "SHLD-14"]]);
yes("SHLD-15", "nothing new into a shrunk window", [["tcp/receive/window", "SHLD-15"]]);
yes("SHLD-16", "but what lies inside of it is retransmitted", [["tcp/receive/window", "SHLD-16"]]);
yes("SHLD-17", "data beyond the right edge is no reason to give up", [["tcp/receive/window", "SHLD-17"]]);
yes("SHLD-18", "ACKs are delayed", [["tcp/receive/window", "SHLD-18"]]);
yes("SHLD-19", "an ACK for at least every second full segment", [
  ["tcp/receive/window", "SHLD-19"],
  ["tcp/machine/arrives", "a super-segment counts"],
]);
yes(
  "SHLD-20",
  "error reports can be disabled",
  [["tcp/machine/requirements", "SHLD-20"]],
  "They are events, which may be left unread.",
);
yes("SHLD-21", "the DSCP can change while the connection is open", [["stack/calls", "SHLD-21"]]);
yes("SHLD-22", "the DSCP is handed to IP unchanged", [
  ["stack/calls", "SHLD-22"],
  ["tcp/send/ecn", "DSCP stays"],
]);
notApplicable("SHLD-23", "applications change it rarely", "Advice to applications.");
notApplicable("SHLD-24", "a later source route wins", SOURCE_ROUTES);
yes("SHLD-25", "soft ICMP errors are made known to the application", [["tcp/machine/icmp", "never ends a connection"]]);
no(
  "SHLD-26",
  "unreachable 2, 3 and 4 abort the connection",
  "Only during the handshake. An open connection reports them and goes on: they are too easily forged, and RFC 5927 §6.1 describes this as common behaviour. Code 4 is path MTU discovery.",
  [
    ["tcp/machine/icmp", "ends an opening connection"],
    ["tcp/machine/icmp", "only hears of it"],
    ["tcp/machine/icmp", "fragmentation needed"],
  ],
);
yes("SHLD-27", "successive PSH bits are collapsed", [["tcp/send/nagle", "SHLD-27"]]);
yes("SHLD-28", "segments are as large as possible", [["tcp/send/nagle", "SHLD-28"]]);
yes("SHLD-29", "the first zero-window probe goes after one RTO", [["tcp/receive/window", "SHLD-29"]]);
yes("SHLD-30", "the interval between probes grows exponentially", [["tcp/receive/window", "SHLD-30"]]);
yes("SHLD-31", "out-of-order segments are queued", [["tcp/machine/requirements", "SHLD-31"]]);

yes(
  "MAY-1",
  "half-duplex close",
  [
    ["tcp/machine/close", "with unread data"],
    ["tcp/machine/close", "data afterwards"],
  ],
  "`close` ends both directions, `closeSend` one.",
);
yes("MAY-2", "TIME-WAIT takes a new SYN with a greater sequence number", [
  ["tcp/machine/close", "a greater SEQ opens"],
]);
yes("MAY-3", "MSS is sent always", [["tcp/machine/requirements", "MAY-3"]]);
no(
  "MAY-4",
  "a retransmission keeps the IP identification",
  "Each packet has a new one, and the don't-fragment bit (RFC 6864).",
);
yes("MAY-5", "keep-alives", [["tcp/machine/keep-alive", "SHLD-12"]]);
no(
  "MAY-6",
  "a keep-alive probe carries one garbage octet",
  "Our probes are empty; a probe with an octet is answered.",
  [["tcp/machine/keep-alive", "MAY-6"]],
);
no("MAY-7", "retransmission beyond the right edge", "Only of the first segment, as the probe of a shrunk window.", [
  ["tcp/receive/window", "SHLD-16"],
]);
yes("MAY-8", "a receiver may keep its window closed for ever", [["tcp/machine/requirements", "MAY-8"]]);
no("MAY-9", "the DSCP received is handed up", "Not implemented: no user needs it yet.");
notApplicable("MAY-10", "an IP timestamp option", IP_OPTIONS);
notApplicable("MAY-11", "an IP record route option", IP_OPTIONS);
yes("MAY-12", "protection against injected data (RFC 5961 §5)", [["tcp/machine/arrives", "MAY-12"]]);
yes("MAY-13", "an ACK at once for an out-of-order segment", [["tcp/receive/window", "MAY-13"]]);
no("MAY-14", "a FLUSH call", "`abort` drops the queue; there is no other call.");
no("MAY-15", "a PUSH flag on SEND", "Every write is pushed (MUST-61); cork or Nagle delay data.", [
  ["tcp/send/nagle", "MUST-61"],
]);
yes("MAY-16", "data that is not pushed is gathered", [["tcp/machine/requirements", "MAY-16"]]);
no("MAY-17", "PSH is told to the receiving application", "The stream has no marks; received data is reported at once.");
yes(
  "MAY-18",
  "another conformant congestion control",
  [["tcp/congestion/cubic", "RFC 9438"]],
  "CUBIC (RFC 9438) is the default; NewReno is an option.",
);
yes("REC-1", "windows are held in 32 bits", [["tcp/machine/requirements", "REC-1"]]);

export const REQUIREMENTS: readonly Requirement[] = rows;
