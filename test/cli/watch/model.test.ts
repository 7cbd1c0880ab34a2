/** What the dashboard remembers, and what its keys mean. */
import { describe, expect, test } from "bun:test";
import { IntervalLines } from "#cli/interval-line";
import { History } from "#cli/watch/history";
import { HELP, linkWords } from "#cli/watch/keys";
import { WatchModel } from "#cli/watch/model";
import { UTF8 } from "#cli/watch/row";
import { ruler } from "#cli/watch/ruler";
import { linksText } from "#device/link-text";
import { parseLinks } from "#device/link-words";
import { control } from "#lab/chaos/control";
import { endOf, infoOf, linkOf } from "./samples.ts";

const PEER = { title: "tcpnet peer", note: "", hasStack: true };

describe("a history", () => {
  test("keeps the last values, and knows how much they grew", () => {
    const history = new History(4);
    expect(history.at(0)).toBe(0);
    expect(history.growth(2)).toEqual({ by: 0, intervals: 0 });
    for (const value of [1, 2, 4, 8, 16]) history.push(value);
    expect([0, 1, 3, 9].map((back) => history.at(back))).toEqual([16, 8, 2, 2]);
    expect(history.growth(2)).toEqual({ by: 12, intervals: 2 });
    expect(history.growth(9)).toEqual({ by: 14, intervals: 3 });
  });

  test("a mean stays the same while new values come, so that bars do not flicker", () => {
    const history = new History(20);
    const seen: number[][] = [];
    for (let i = 0; i < 30; i++) {
      history.push(i);
      seen.push(history.means(3, 5));
    }
    expect(seen[4]).toEqual([2]);
    expect(seen[14]).toEqual([2, 7, 12]);
    for (let i = 15; i < 20; i++) expect(seen[i]!.slice(0, 2)).toEqual([7, 12]);
    expect(seen[29]).toEqual([17, 22, 27]);
  });
});

describe("a frame", () => {
  test("has the rate of the last second, and the shares of what limited the last three", () => {
    const model = new WatchModel(PEER);
    for (let i = 0; i < 40; i++) {
      const limitedBy = i < 20 ? ("application" as const) : ("congestion-window" as const);
      model.take([endOf({ bytesAcked: i < 20 ? 0 : (i - 19) * 100_000, limitedBy })], null);
    }
    const { end } = model.frame(0);
    expect(end!.sending.now).toBe(8e6);
    expect(end!.limits).toEqual([
      { name: "congestion-window", share: expect.closeTo(2 / 3) },
      { name: "application", share: expect.closeTo(1 / 3) },
    ]);
  });

  test("shows the busier connection, does not jump between equal ones, and Tab goes to the next", () => {
    const model = new WatchModel(PEER);
    const shown = () => model.frame(0).end?.name;
    for (let i = 0; i < 12; i++)
      model.take([endOf({ bytesAcked: 10 * i }, "slow"), endOf({ bytesAcked: 50_000 * i }, "fast")], null);
    expect(shown()).toBe("fast");
    for (let i = 12; i < 30; i++)
      model.take([endOf({ bytesAcked: 55_000 * i }, "slow"), endOf({ bytesAcked: 50_000 * i }, "fast")], null);
    expect(shown()).toBe("fast");
    model.next();
    expect(shown()).toBe("slow");
    expect(model.frame(0).notes).toEqual(["1 of 2 (Tab)"]);
    // What was shown last stays in sight when everything is over.
    model.take([], null);
    expect(shown()).toBe("slow");
  });

  test("messages that differ by numbers only are one line with their count, and the log is bounded", () => {
    const model = new WatchModel(PEER);
    for (let i = 0; i < 3; i++) model.say(` 3.${i}  1448 bytes at ${i * 1448} considered lost`);
    model.say("something else");
    expect(model.frame(0).log).toEqual([" 3.2  1448 bytes at 2896 considered lost (3 like this)", "something else"]);
    for (let i = 0; i < 1000; i++) model.say(i % 2 === 0 ? "even" : "odd");
    expect(model.frame(0).log.length).toBe(200);
  });
});

describe("the window's ruler", () => {
  test("has the holes before and between what has arrived", () => {
    const info = infoOf();
    const { cells, holes, outstanding, open, isCut } = ruler(info, 60, UTF8);
    expect({ holes, outstanding, open, isCut }).toEqual({ holes: 2, outstanding: 60_000, open: 0, isCut: true });
    expect(cells).toMatch(/^▓+█+▓+█+▓+·+$/);
  });

  test("nothing in flight and an open window: all of cwnd may be sent", () => {
    const idle = { sendQueue: 0, notSent: 0, inFlight: 0, sacked: 0, sackedRanges: [], cwnd: 14_480 };
    expect(ruler(infoOf(idle), 10, UTF8)).toEqual({
      cells: "░░░░░·····",
      outstanding: 0,
      holes: 0,
      open: 14_480,
      isCut: true,
    });
  });

  test("a closed window", () => {
    const closed = { sndWnd: 0, sendQueue: 5_000, notSent: 5_000, inFlight: 0, sackedRanges: [] };
    expect(ruler(infoOf(closed), 10, UTF8)).toMatchObject({ cells: " ".repeat(10), open: 0, isCut: false });
  });
});

describe("keys", () => {
  const after = (words: string, keys: string) => {
    let profiles = parseLinks(words);
    for (const key of keys) {
      const line = linkWords(key, profiles);
      const link = { profiles: () => profiles, set: (next: typeof profiles) => (profiles = next) };
      const answer = control({ ...link, counts: () => ({ out: {}, in: {} }) }, line!);
      expect([line, answer.ok]).toEqual([line, true]);
    }
    return linksText(profiles);
  };

  test("say what tcpnet link says, and keep the rest of the link", () => {
    expect(after("rate 10mbit queue 40", "ll")).toBe("loss 1% rate 10mbit queue 40");
    expect(after("loss 2%", "L")).toBe("loss 1%");
    expect(after("loss 10%", "l")).toBe("loss 10%");
    expect(after("loss 3%", "LLLLL")).toBe("clear");
    expect(after("delay 30ms", "d")).toBe("delay 50ms");
    expect(after("clear", "dDDD")).toBe("clear");
    expect(after("clear", "rr")).toBe("rate 100mbit");
    expect(after("rate 1mbit", "rR")).toBe("rate 2mbit");
    expect(after("loss 5%", "b")).toBe("loss gemodel 1% 20% 100% 0%");
    expect(after("delay 5ms", "bb")).toBe("delay 5ms");
    expect(after("delay 5ms loss 1%", "c")).toBe("clear");
  });

  test("others are not for the link, and the help has each of them", () => {
    for (const key of "qh? x\t") expect(linkWords(key, parseLinks("clear"))).toBeNull();
    const told = HELP.map(([key]) => key).join(" ");
    for (const key of ["l", "L", "d", "D", "r", "R", "b", "c", "Tab", "space", "h", "?", "q"])
      expect(told.split(/ +/)).toContain(key);
  });
});

describe("the line per second", () => {
  const figures = { acked: 0, received: 0, retransmissions: 0, cwnd: 42_000, rtt: 61_000, isBlocked: false };

  test("has what moved since the one before", () => {
    const lines = new IntervalLines(0);
    expect(lines.next({ ...figures, acked: 1e6, retransmissions: 3 }, 1e6)).toBe(
      "out 1.00 MB 8.00 Mbit/s  retr 3  cwnd 42.0 kB  rtt 61 ms",
    );
    expect(lines.next({ ...figures, acked: 1.5e6, retransmissions: 3, received: 100 }, 2e6)).toBe(
      "out  500 kB 4.00 Mbit/s  in   100 B   800 bit/s  retr 0  cwnd 42.0 kB  rtt 61 ms",
    );
  });

  test("is not there if nothing moved, unless data waits for the other side", () => {
    const lines = new IntervalLines(0);
    expect(lines.next(figures, 1e6)).toBeNull();
    expect(lines.next({ ...figures, isBlocked: true }, 2e6)).toContain("the other side reads nothing");
  });
});

test("a link without room for packets, as JSON has it, is drawn as well", () => {
  const model = new WatchModel(PEER);
  const link = JSON.parse(JSON.stringify(linkOf())) as ReturnType<typeof linkOf>;
  model.take([], { ...link, ways: [{ ...link.ways[0], room: Number.POSITIVE_INFINITY }, link.ways[1]] });
  expect(model.frame(0).link?.ways[0].queue).toBe(37);
});
