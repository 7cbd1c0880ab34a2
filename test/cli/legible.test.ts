/** On a terminal of any width no line is wider, on one without UTF-8 no sign is broken, and nothing that was said is lost. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { markMeaning } from "#base/mark";
import { addressMap } from "#cli/address-map";
import { COMMANDS } from "#cli/commands";
import { endpoint } from "#cli/endpoint";
import { summaryLines } from "#cli/figures";
import { commandHelp, globalHelp, summaryText } from "#cli/help";
import { fitted, isUtf8, legible } from "#cli/legible";
import type { TransferResult } from "#lab/sim/transfer";
import { transferTable } from "#lab/sim/transfer-table";
import type { TcpInfo } from "#tcp/machine/info";

const WIDTHS = [40, 80] as const;

/** Lines that are too wide although they could be broken: commands stay whole, and so does a word. */
function tooWide(text: string, columns: number): string[] {
  const copied = /(?:^|[ (])(?:sudo|tcpnet|bun|\S*tcpnet\.sh|ping|nc|wireshark|ip|nft) /;
  const lines = text.split("\n").filter((line) => Bun.stringWidth(line) > columns);
  return lines.filter((line) => !copied.test(line) && line.trim().split(/ +/).length > 1);
}

const words = (text: string) => text.split(/\s+/).filter((word) => word !== "");

describe("a line", () => {
  test("fits, begins as it did, and keeps its words in their order", () => {
    const word = fc.stringMatching(/^[a-z0-9→·…:,.()-]{1,12}$/);
    const line = fc
      .tuple(fc.nat(10), fc.array(fc.tuple(word, fc.constantFrom(" ", "  ", "    ")), { minLength: 1, maxLength: 30 }))
      .map(([indent, parts]) => " ".repeat(indent) + parts.flat().join("").trimEnd());
    fc.assert(
      fc.property(line, fc.integer({ min: 30, max: 100 }), (text, columns) => {
        const lines = fitted(text, columns);
        expect(tooWide(lines.join("\n"), columns)).toEqual([]);
        expect(words(lines.join(" "))).toEqual(words(text));
        if (lines.length === 1) expect(lines[0]).toBe(text);
        expect(lines[0]!.length - lines[0]!.trimStart().length).toBe(text.length - text.trimStart().length);
      }),
      { seed: 40, numRuns: 1_000 },
    );
  });

  test("goes on below its text, where a label or a time stands before it", () => {
    expect(fitted(" 0.023  → ACK                     seq 1   third step of the handshake", 40)).toEqual([
      " 0.023  → ACK                     seq 1",
      "          third step of the handshake",
    ]);
    expect(fitted("  me      10.0.1.5         this stack, in user space, behind tun1", 40)).toEqual([
      "  me      10.0.1.5",
      "          this stack, in user space,",
      "          behind tun1",
    ]);
  });

  test("is not broken within what people copy", () => {
    const said = ' 0.158  · to change the link: ./tcpnet link set "loss 5%" --dev tun1';
    expect(fitted(said.replace("./tcpnet", "tcpnet"), 40)).toEqual([
      " 0.158  · to change the link:",
      '          tcpnet link set "loss 5%" --dev tun1',
    ]);
    expect(fitted("        sudo tcpnet netup --ifs tun7,OTHER --v6 --dry-run", 40)).toEqual([
      "        sudo tcpnet netup --ifs tun7,OTHER --v6 --dry-run",
    ]);
    expect(fitted("start the host; tcpnet status shows devices, routes and firewalls", 40).at(0)).toBe(
      "start the host;",
    );
  });
});

describe("the character set", () => {
  test("is the locale's; none is ASCII", () => {
    expect(isUtf8({ LANG: "de_DE.UTF-8" })).toBe(true);
    expect(isUtf8({ LANG: "en_US.utf8" })).toBe(true);
    expect(isUtf8({ LC_ALL: "C.UTF-8", LANG: "C" })).toBe(true);
    expect(isUtf8({ LC_CTYPE: "C", LANG: "C.UTF-8" })).toBe(false);
    expect(isUtf8({ LC_ALL: "POSIX", LANG: "C.UTF-8" })).toBe(false);
    expect(isUtf8({ LC_ALL: "", LANG: "de_DE.ISO-8859-1" })).toBe(false);
    expect(isUtf8({})).toBe(false);
  });

  test("without UTF-8 our signs are ASCII, in columns as before", () => {
    const story = [
      " 0.015  → SYN        SYN-SENT",
      " 0.022  ← SYN ACK    ESTABLISHED",
      " 0.027  · mss 1448, rtt 7 µs …",
    ];
    expect(legible(story.join("\n"), Number.POSITIVE_INFINITY, false)).toBe(
      [" 0.015  -> SYN        SYN-SENT", " 0.022  <- SYN ACK    ESTABLISHED", " 0.027  -- mss 1448, rtt 7 us ..."].join(
        "\n",
      ),
    );
  });

  test("every cause, and all help, is ASCII then", () => {
    const texts = [globalHelp("0"), ...COMMANDS.map((command) => commandHelp(command))];
    for (let mark = 1; markMeaning(mark) !== undefined && mark < 500; mark++) texts.push(markMeaning(mark));
    expect(texts.length).toBeGreaterThan(100);
    const left = legible(texts.join("\n"), Number.POSITIVE_INFINITY, false).match(/[^ -~\n]/g) ?? [];
    expect([...new Set(left)]).toEqual([]);
  });
});

describe.each(WIDTHS)("at %d columns", (columns) => {
  const shown = (text: string) => tooWide(legible(text, columns, true), columns);

  test("help fits", () => {
    expect(shown(globalHelp("0.1.0", columns))).toEqual([]);
    expect(shown(summaryText("0.1.0", columns))).toEqual([]);
    for (const command of COMMANDS) {
      // Without the wrapping of single lines, too: the columns of the help itself follow the width.
      expect(tooWide(commandHelp(command, columns), columns)).toEqual([]);
    }
  });

  test("who has which address fits", () => {
    const maps = [
      endpoint("peer", { tun: "tun1", cidr: "10.0.1.1/24", remote: "10.0.0.7" }, () => undefined),
      endpoint("host", { tun: "tun0", cidr: "fd00:a::1/64", remote: "fd00:b::5" }, () => undefined),
      endpoint("host", { tun: "tun0", cidr: "10.0.0.1/24", remote: "10.0.1.5", any: true }, () => undefined),
    ].map((each) => addressMap(each, 7000, 1500, true).join("\n"));
    for (const map of maps) expect(shown(map)).toEqual([]);
  });

  test("long addresses and ports stay apart from the words beside them", () => {
    const remote = "192.168.100.200";
    const peer = endpoint("peer", { tun: "tun1", cidr: "192.168.101.1/24", remote }, () => undefined);
    const far = { tun: "t", cidr: "2001:db8:1:2::1/64", remote: "2001:db8:1:2:a:b:c:d0", kernel: true };
    for (const e of [peer, endpoint("host", far, () => "eth0")]) {
      const lines = addressMap(e, 65_000, 1500);
      expect(lines.at(-1)).toMatch(/[\dd]0 +(?:the other stack|a program)/);
      // One column for all explanations.
      const starts = lines.map((line) => line.search(/\b(?:this stack|the kernel's|the other|a program)/));
      expect(new Set(starts).size).toBe(1);
    }
  });

  test("the summary of a connection fits", () => {
    const info = {
      rtt: 41_234,
      minRtt: 40_101,
      congestionControl: "cubic",
      retransTotal: 123,
      bytesRetrans: 178_104,
      dataSegsOut: 741_237,
      timeouts: 7,
    } as TcpInfo;
    const amount = { bytes: 1_073_741_824, took: 123_456_789 };
    expect(shown(summaryLines(info, amount, amount).join("\n"))).toEqual([]);
  });

  test("the simulator's table fits: fewer columns, or a list for each flow", () => {
    const flow = {
      direction: "there",
      congestionControl: "newreno",
      bytes: 32_700_000,
      asked: null,
      completion: 12.345,
      goodput: 4_360_000,
      retransmissions: 12_345,
      timeouts: 12,
      rtt: 99_500,
      minRtt: 40_100,
      cwnd: 47_800,
      cwndMax: 136_000,
      mss: 1448,
      error: "ETIMEDOUT",
    } as const;
    const result: TransferResult = {
      seed: 1,
      words: "out delay 20ms rate 10mbit queue 50 in delay 20ms rate 50mbit",
      time: 60,
      events: 1_234_567,
      digest: "0123456789abcdef",
      flows: [
        { flow: 0, ...flow },
        { flow: 1, ...flow, error: "OK" },
      ],
      link: {
        there: { "link.offered": 50_157, "link.delivered": 49_941, "link.queue-full": 150 },
        back: { "link.offered": 26_505, "link.delivered": 26_496 },
      },
      waiting: { there: { median: 41_800, p95: 58_700, max: 60_000 }, back: { median: 0, p95: 12, max: 120 } },
    };
    const table = transferTable(result, columns);
    expect(shown(table)).toEqual([]);
    // The table itself is not broken line by line.
    const rows = table.split("\n").filter((line) => /newreno|goodput|4\.36/.test(line));
    expect(rows.filter((row) => row.length > columns)).toEqual([]);
    expect(table.match(/4\.36 Mbit\/s/g)?.length).toBe(2);
  });
});
