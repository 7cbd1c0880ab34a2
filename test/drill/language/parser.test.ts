import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readScript } from "#lab/drill/interpreter/config";
import {
  type Packet,
  ScriptError,
  type Syscall,
  type TcpOption,
  type TcpPacket,
  Unsupported,
} from "#lab/drill/language/ast";
import { parseScript } from "#lab/drill/language/parser";
import { expectedText } from "#lab/drill/packets/render";

const one = (text: string) => parseScript(text, "t.pkt").events[0]!;
const packet = (text: string) => one(`0 ${text}`).body as TcpPacket;

/** What the parser says of a wrong script: line:column: message. */
function complaint(source: string): string {
  try {
    parseScript(source, "t.pkt");
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    return `${error.position.line}:${error.position.column}: ${error.message}`;
  }
  throw new Error("the script parsed");
}

const reading = (profile: "linux" | "freebsd") => ({ profile, defines: new Map(), options: new Map() });

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const hexText = fc
  .array(fc.integer({ min: 0, max: 255 }), { maxLength: 8 })
  .map((bytes) => bytes.map((b) => b.toString(16).padStart(2, "0")).join(""));
const option: fc.Arbitrary<TcpOption> = fc.oneof(
  fc.record({ kind: fc.constant("mss" as const), value: u16 }),
  fc.record({ kind: fc.constant("wscale" as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.constant({ kind: "sackOK" as const }),
  fc.constant({ kind: "nop" as const }),
  fc.constant({ kind: "eol" as const }),
  fc.record({ kind: fc.constant("timestamp" as const), value: u32, echo: u32 }),
  fc.record({
    kind: fc.constant("sack" as const),
    blocks: fc.array(fc.tuple(u32, u32), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("fastopen" as const), experimental: fc.boolean(), cookie: hexText }),
);

test("a packet that is written out and parsed again is the same packet", () => {
  const generated = fc.record({
    flags: fc.integer({ min: 0, max: 511 }),
    start: u32,
    length: u16,
    ack: fc.option(u32, { nil: undefined }),
    window: fc.option(u16, { nil: undefined }),
    urgent: fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined }),
    options: fc.oneof(fc.array(option, { maxLength: 6 }), fc.constant("any" as const)),
  });
  fc.assert(
    fc.property(generated, (g) => {
      const sequence = { start: g.start, length: g.length, absolute: false, any: false };
      const ip = { ecn: undefined, tos: undefined, ttl: undefined, flowLabel: undefined };
      const position = { file: "t.pkt", line: 1, column: 3 };
      const written: Packet = {
        ...g,
        kind: "tcp",
        direction: ">",
        ip,
        ports: undefined,
        sequence,
        ackAbsolute: false,
        position,
      };
      const { start, length, ...same } = written as TcpPacket & { start: number; length: number };
      expect(packet(`> ${expectedText(written)}`)).toEqual(same);
    }),
    { seed: 1, numRuns: 300 },
  );
});

describe("packets", () => {
  test("both dialects of sequence numbers", () => {
    expect(packet("> F. 5!:5!(0) ack 7!").sequence).toEqual({ start: 5, length: 0, absolute: true, any: false });
    expect(packet("> F. 5!:5!(0) ack 7!").ackAbsolute).toBe(true);
    expect(packet("> F. 5:5(0)! ack 7").sequence).toEqual({ start: 5, length: 0, absolute: true, any: false });
    expect(packet("> . ...(100) ack 1").sequence).toEqual({ start: 0, length: 100, absolute: false, any: true });
  });

  test("fields of the IP header have the words of both families", () => {
    expect(packet("> [class 0x20, hlim 9] . 1:1(0) ack 1").ip).toEqual(packet("> (tos 32 ttl 9) . 1:1(0) ack 1").ip);
    expect(packet("> [ect0, flowlabel 0x12] . 1:1(0) ack 1").ip).toMatchObject({ ecn: "ect0", flowLabel: 18 });
  });

  test("sequence numbers wrap", () => expect(packet("< . 4294967295:1(2) ack 1 win 9").sequence.length).toBe(2));

  test("flags: letters, a lonely dash, and AccECN's digits", () => {
    expect(packet("> SEWA 0:0(0)").flags).toBe(2 | 64 | 128 | 256);
    expect(packet("> - 0:0(0)").flags).toBe(0);
    expect(packet("> .5 0:0(0) ack 1").flags).toBe(16 | 64 | 256);
  });

  test("accurate ECN's counters, in both orders", () => {
    expect(packet("> . 1:1(0) ack 1 <ECN e1b 1 ceb 0 e0b 7,nop,nop,nop,nop>").options[0]).toEqual({
      kind: "accecn",
      order: 1,
      counters: [1, 0, 7],
    });
    expect(packet("> . 1:1(0) ack 1 <ECN e0b 5,nop,nop,nop>").options[0]).toMatchObject({ order: 0, counters: [5] });
    expect(complaint("0 > . 1:1(0) ack 1 <ECN ceb 5>")).toContain("expected e0b, ceb and e1b");
  });

  test("a Fast Open cookie is hex, what a word was defined as, or a name for what is seen", () => {
    const cookies = (text: string, defines?: Map<string, string>) =>
      (parseScript(`0 > S 0:0(0) <${text}>`, "t", defines).events[0]!.body as TcpPacket).options[0];
    expect(cookies("FO 0A1b")).toEqual({ kind: "fastopen", experimental: false, cookie: "0a1b" });
    expect(cookies("FO")).toEqual({ kind: "fastopen", experimental: false, cookie: "" });
    expect(cookies("FOEXP C", new Map([["C", "3021b9d889017eeb"]]))).toMatchObject({ cookie: "3021b9d889017eeb" });
    expect(cookies("FO TFO_COOKIE,nop,nop")).toMatchObject({ cookie: "", name: "TFO_COOKIE" });
    expect(complaint("0 > S 0:0(0) <FO abc>")).toContain("expected an even number of hex digits");
  });

  test("IP information in either bracket, ports, ICMP in both forms", () => {
    expect(packet("> [ect0, ttl 64] . 1:1(0) ack 1").ip).toMatchObject({ ecn: "ect0", ttl: 64 });
    expect(packet("< (tos 0x5c) . 1:1(0) ack 1 win 3").ip).toMatchObject({ tos: 0x5c });
    expect(packet("< 1234 > 8080 S 0:0(0) win 3").ports).toEqual({ source: 1234, destination: 8080 });
    const old = one("0 < [1:101(100)] icmp unreachable frag_needed mtu 1200").body;
    const now = one("0 < icmp unreachable frag_needed mtu 1200 [1:101(100)]").body;
    expect({ ...old, position: 0 }).toEqual({ ...now, position: 0 });
    const datagram = one("0 < [udp (100)] icmp unreachable port_unreachable").body;
    expect(datagram).toMatchObject({ type: "unreachable", code: "port_unreachable", quoted: { udp: 100 } });
    expect(one("0 < udp (100)").body).toMatchObject({ kind: "udp", length: 100 });
    expect(parseScript("0 < icmp echo_request\n0.1 > icmp echo_reply id 7", "t").events).toHaveLength(2);
  });
});

describe("times", () => {
  const time = (text: string) => one(`${text} > . 1:1(0) ack 1`).time;
  test("every form", () => {
    expect(time("0")).toEqual({ kind: "absolute", from: 0, to: undefined });
    expect(time("+.01")).toEqual({ kind: "relative", from: 10_000, to: undefined });
    expect(time("*")).toEqual({ kind: "any" });
    expect(time("1.5~2")).toEqual({ kind: "absolute", from: 1_500_000, to: 2_000_000 });
    expect(time("+0~+.1")).toEqual({ kind: "relative", from: 0, to: 100_000 });
  });

  test("the end of a blocking call", () => {
    expect(one("+0...0.3 connect(3, ..., ...) = 0").body).toMatchObject({ name: "connect", end: 300_000 });
  });
});

describe("system calls", () => {
  const call = (text: string) => one(`0 ${text}`).body as Syscall;
  test("results, errno and notes with anything in them", () => {
    expect(call("read(3, ..., 10) = -1 EAGAIN (Resource (really) temporarily unavailable, 1.5 %)")).toMatchObject({
      result: { kind: "integer", value: -1 },
      errno: "EAGAIN",
    });
    expect(call("fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)").result).toEqual({ kind: "integer", value: 2 });
    expect(call("fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0").args[2]).toMatchObject({ kind: "or" });
  });

  test("structures", () => {
    const message = call("sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 5}], msg_flags=0}, 0) = 15")
      .args[1]!;
    expect(message).toMatchObject({
      kind: "struct",
      fields: [{ name: "msg_name" }, { name: "msg_iov" }, { name: "msg_flags" }],
    });
    expect(call("setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0").args[3]).toMatchObject({
      kind: "struct",
    });
    expect(call('write(4, "a\\n\\x41", 3) = 3').args[1]).toEqual({ kind: "string", text: "a\nA", padded: false });
  });
});

describe("a script as a whole", () => {
  test("options, the init command, comments, code over lines, the cleanup command", () => {
    const script = parseScript(
      "--mtu=9000 --x\n`init`\n/* a\n b */ 0 %{ assert 1\nassert 2 }% // end\n`clean`\n",
      "t.pkt",
    );
    expect(script.options.map(({ name, value }) => [name, value])).toEqual([
      ["mtu", "9000"],
      ["x", ""],
    ]);
    expect([script.init?.text, script.cleanup?.text]).toEqual(["init", "clean"]);
    expect(script.events[0]!.body).toMatchObject({ kind: "code", text: " assert 1\nassert 2 " });
    expect(script.events[0]!.position.line).toBe(4);
  });

  test("words that -D and --define give stand for numbers, words, strings and commands", () => {
    const defines = new Map([
      ["N", "0x10"],
      ["ERR", "EAGAIN"],
      ["CMD", "`true`"],
    ]);
    const script = parseScript("CMD\n0 read(3, ..., N) = -1 ERR", "t", defines);
    expect(script.init?.text).toBe("true");
    expect(script.events[0]!.body).toMatchObject({ args: [{ value: 3 }, {}, { value: 16 }], errno: "EAGAIN" });
    expect(readScript("--define=FD=7\n0 close(FD) = 0", "t", reading("linux")).events[0]!.body).toMatchObject({
      args: [{ value: 7 }],
    });
  });

  test("#ifdef, #ifndef, #else: lines keep their numbers", () => {
    const source =
      "#ifdef STANDARD\n0 close(1) = 0\n#else\n0 close(2) = 0\n#endif\n#ifndef OTHER\n+0 close(3) = 0\n#endif\n";
    const closed = (profile: "linux" | "freebsd") =>
      readScript(source, "t", reading(profile)).events.map((e) => [e.position.line, (e.body as Syscall).args[0]]);
    expect(closed("freebsd")).toEqual([
      [2, { kind: "integer", value: 1 }],
      [7, { kind: "integer", value: 3 }],
    ]);
    expect(closed("linux")[0]).toEqual([4, { kind: "integer", value: 2 }]);
  });
});

describe("a wrong script is told with line, column, and what was expected", () => {
  const wrong: readonly [string, string][] = [
    ["0 < S 0:1(0) win 5", "1:7: 0:1 are 1 bytes, not the 0 in parentheses"],
    ["0 < S 0:0(0) win 65536", '1:18: expected a window from 0 to 65535, and found "65536"'],
    ["0 < S 0:0(0) <mss 10", '1:21: expected "," or ">" after a TCP option, and found the end of the file'],
    [
      "0 < S 0:0(0) <bogus>",
      '1:15: expected a TCP option (mss wscale sackOK sack TS nop eol FO FOEXP md5 ECN), and found "bogus"',
    ],
    ["0 < X 0:0(0)", '1:5: expected TCP flags (letters of F S R P E W A U and ., or -), udp or icmp, and found "X"'],
    ["0 close(3) 0", '1:12: expected "=", and found "0"'],
    ["0 close(3 = 0", '1:11: expected "," or ")", and found "="'],
    ["\n\n  close(3) = 0", '3:3: expected a time, +time, * or a command, and found "close"'],
    ["0~1 close(3) = 0", "1:1: a time range and * are only for expected packets (>)"],
    ["* < . 1:1(0)", "1:1: a time range and * are only for expected packets (>)"],
    ["`a`\n0 `b", "2:3: expected ` at the end of this command"],
    ['0 write(3, "a\nb", 3) = 3', '1:12: expected " at the end of this string'],
    ["/* a", "1:1: expected */ before the end of the file"],
    ["#ifdef A\n0 close(3) = 0", "1:1: expected #endif before the end of the file"],
    ["#else", "1:1: #else without #ifdef"],
    [
      "0 close(3) = 0\n`a`\n0 close(4) = 0",
      '3:1: expected the end of the file after the cleanup command, and found "0"',
    ],
    ["", "1:1: expected an event, and found the end of the file"],
    ["0x5 close(3) = 0", '1:1: expected a time in seconds, and found "0x5"'],
  ];
  for (const [source, message] of wrong) test(message, () => expect(complaint(source)).toBe(message));

  test("for any text the parser returns a script or throws a ScriptError", () => {
    const piece = fc.constantFrom(
      ...'0 +0 +.1 * ~ < > S. . 1:1(0) ... ack win 5 ( ) [ ] { } = , | `c` %{x}% "s" read 3 -1 <mss> TS val ecr icmp udp # /* */ //'.split(
        " ",
      ),
      "\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
        try {
          parseScript(pieces.join(" "), "t.pkt");
        } catch (error) {
          expect(error instanceof ScriptError || error instanceof Unsupported).toBe(true);
        }
      }),
      { seed: 2, numRuns: 2000 },
    );
  });
});

test("unsupported parts of the language are named in the error", () => {
  for (const text of ["< sctp: INIT[]", "> gre . 1:1(0)", "> S 0:0(0) <mpcapable a>", "> . 1:1(0) ack 1/udp(9>9)"]) {
    expect(() => parseScript(`0 ${text}`, "t")).toThrow(Unsupported);
  }
});
