/** The pictures of the dashboard, which are meant to be looked at: in the folder of snapshots beside this file. */
import { describe, expect, test } from "bun:test";
import { type Canvas, draw, tooSmall } from "#cli/watch/draw";
import { type About, WatchModel } from "#cli/watch/model";
import { endOf, linkOf } from "./samples.ts";

const PEER: About = { title: "tcpnet peer", note: "seed 42", hasStack: true };

/** Half a minute of a transfer at 8 Mbit/s, whose window and round trip go up and down. */
function aTransfer(): WatchModel {
  const model = new WatchModel(PEER);
  for (let i = 0; i < 300; i++) {
    const wave = (i % 50) / 50;
    const limitedBy = i % 10 === 0 ? ("application" as const) : ("congestion-window" as const);
    const cwnd = 42_000 + Math.round(42_000 * wave);
    const rtt = 40_000 + Math.round(21_000 * wave);
    model.take([endOf({ bytesAcked: 100_250 * i, cwnd, rtt, limitedBy })], linkOf(Math.round(60 * wave)));
  }
  model.say("\x1b[2m11.204\x1b[22m  ! duplicate ACKs show a loss → fast retransmit, cwnd 84.0 kB → 42.0 kB");
  model.say(" 11.286  ! recovery complete after 82 ms, cwnd 42.0 kB");
  return model;
}

const canvas = (columns: number, rows: number, more: Partial<Canvas> = {}): Canvas => ({
  columns,
  rows,
  utf8: true,
  colours: false,
  ...more,
});
const SIZES = [
  [100, 30],
  [80, 24],
  [40, 24],
  [40, 10],
] as const;

describe("a picture", () => {
  test.each(SIZES)("of %d×%d", (columns, rows) => {
    const picture = draw(aTransfer().frame(12.3e6), canvas(columns, rows)).join("\n");
    expect(`\n${picture}\n`).toMatchSnapshot();
  });

  test("without UTF-8 has nothing but ASCII", () => {
    const picture = draw(aTransfer().frame(12.3e6), canvas(80, 24, { utf8: false })).join("\n");
    expect(picture).toMatch(/^[\x20-\x7e\n]*$/);
    expect(`\n${picture}\n`).toMatchSnapshot();
  });

  test("of a link alone, and of nobody", () => {
    const chaos = new WatchModel({ title: "tcpnet chaos tun0 tun1", note: "seed 1", hasStack: false });
    chaos.take([], { ...linkOf(), names: ["tun0 > tun1", "tun1 > tun0"] });
    const host = new WatchModel({ title: "tcpnet host", note: "", hasStack: true });
    const pictures = [chaos, host].map((model) => draw(model.frame(1e6), canvas(80, 12)).join("\n"));
    expect(`\n${pictures.join("\n\n")}\n`).toMatchSnapshot();
  });

  test("fills every size from the least on exactly, whatever is in it", () => {
    const model = aTransfer();
    for (const showsHelp of [false, true]) {
      model.showsHelp = showsHelp;
      model.say(`wide 漢字 ${"x".repeat(300)} \x1b]0;title\x07`);
      for (let columns = 40; columns <= 140; columns += 7) {
        for (let rows = 10; rows <= 50; rows += 3) {
          for (const utf8 of [true, false]) {
            const picture = draw(model.frame(3_700e6), canvas(columns, rows, { utf8, colours: true }));
            expect(picture.length).toBe(rows);
            expect(picture.map((row) => Bun.stringWidth(row))).toEqual(picture.map(() => columns));
            // Colours, and nothing else that a terminal would obey.
            // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
            expect(picture.join("").replaceAll(/\x1b\[\d+m/g, "")).not.toMatch(/[\x00-\x1f\x7f]/);
          }
        }
      }
    }
  });

  test("with colours says the same as without", () => {
    const frame = aTransfer().frame(12.3e6);
    const plain = draw(frame, canvas(100, 30));
    const coloured = draw(frame, canvas(100, 30, { colours: true }));
    expect(coloured).not.toEqual(plain);
    expect(coloured.map(Bun.stripANSI)).toEqual(plain);
  });

  test("for less room than the least is one line that says so", () => {
    expect(tooSmall(canvas(30, 3))[0]).toBe("tcpnet: 40x10 or more, please ");
    expect(tooSmall(canvas(30, 3)).length).toBe(3);
  });
});
