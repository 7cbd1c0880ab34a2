/** Every format, link layer and cut gives the same connection; nothing that is no capture throws anything but CaptureError. */
import { describe, expect, test } from "bun:test";
import { Prng } from "#base/prng";
import { CaptureError } from "#explain/capture/capture-error";
import { CaptureReader } from "#explain/capture/capture-reader";
import { Explainer } from "#explain/explainer";
import type { Run } from "#report/model/run";
import { verdictsOf } from "#report/verdict/verdict";
import { behind, type Frame, framesOf, LINKS, pcapFile, pcapngFile, simpleFile } from "./files.ts";
import { captured, explained } from "./lab.ts";

const { pcap } = captured({ link: "delay 20ms rate 10mbit queue 30 loss 2%", seed: 3, bytes: 60_000 });
const frames = framesOf(pcap.sender);
const wanted = factsOf(explained(pcap.sender));

/** What every reading of the same packets must give. */
function factsOf(run: Run) {
  const { packets } = run;
  return {
    rows: [...packets.seq].map((seq, i) => [
      seq,
      packets.ack[i],
      packets.length[i],
      packets.flags[i],
      packets.dropped[i] !== 0,
    ]),
    times: [...packets.time],
    ends: run.connections.map(({ ends }) => ends),
    words: verdictsOf(run).map(({ sentences }) => sentences.map(({ text }) => text)),
  };
}

/** In pieces, so that records are torn at every place. */
function read(
  bytes: Uint8Array,
  piece = 777,
): { readonly run: Run; readonly explainer: Explainer; readonly damage: string } {
  const explainer = new Explainer();
  const reader = new CaptureReader("capture", explainer);
  for (let o = 0; o < bytes.length; o += piece) reader.push(bytes.slice(o, o + piece));
  reader.end();
  return { run: explainer.build({}, 0), explainer, damage: reader.damage };
}

describe("the same packets in every form", () => {
  for (const little of [true, false])
    for (const nano of [true, false])
      test(`pcap, ${little ? "little" : "big"}-endian, ${nano ? "ns" : "µs"}`, () => {
        expect(factsOf(read(pcapFile(frames, { little, nano })).run)).toEqual(wanted);
      });

  for (const little of [true, false])
    for (const resolution of [6, 9, 0x80 | 20, 0x80 | 30])
      test(`pcapng, ${little ? "little" : "big"}-endian, if_tsresol ${resolution}`, () => {
        const facts = factsOf(read(pcapngFile(frames, { little, resolution })).run);
        expect(facts.rows).toEqual(wanted.rows);
        facts.times.forEach((time, i) => {
          expect(Math.abs(time - wanted.times[i]!)).toBeLessThanOrEqual(2);
        });
      });

  for (const [name, linkType, header] of LINKS)
    test(name, () => {
      expect(factsOf(read(pcapFile(behind(frames, header), { linkType })).run)).toEqual(wanted);
    });

  test("several sections with different orders and link types in one file", () => {
    const [first, second] = [frames.slice(0, 20), frames.slice(20)];
    const ethernet = LINKS.find(([name]) => name === "Ethernet")!;
    const file = [
      ...pcapngFile(first, { little: false, resolution: 9 }),
      ...pcapngFile(behind(second, ethernet[2]), { linkType: ethernet[1] }),
    ];
    expect(factsOf(read(Uint8Array.from(file)).run).rows).toEqual(wanted.rows);
  });

  test("simple packet blocks have no times, and the same packets", () => {
    const rows = factsOf(read(simpleFile(frames)).run).rows;
    expect(rows.map(([seq, ack, length]) => [seq, ack, length])).toEqual(
      wanted.rows.map(([seq, ack, length]) => [seq, ack, length]),
    );
  });

  test("packets that are cut after their headers lose nothing but their payload", () => {
    const { run, explainer } = read(pcapFile(frames, { snap: 76 }));
    expect(factsOf(run)).toEqual(wanted);
    expect(explainer.counts.truncated).toBeGreaterThan(10);
  });

  test("packets that are cut within the TCP header are counted and left out", () => {
    const { run, explainer } = read(pcapFile(frames, { snap: 30 }));
    expect([run.packets.time.length, explainer.counts.cut]).toEqual([0, frames.length]);
  });
});

describe("IP", () => {
  /** One packet as two fragments of IPv4. */
  function fragmented({ time, bytes }: Frame): Frame[] {
    if (bytes.length < 100) return [{ time, bytes }];
    const cut = (from: number, to: number, more: boolean) => {
      const part = Uint8Array.from([...bytes.subarray(0, 20), ...bytes.subarray(20 + from, 20 + to)]);
      const v = new DataView(part.buffer);
      v.setUint16(2, part.length);
      v.setUint16(4, 4711);
      v.setUint16(6, (more ? 0x2000 : 0) | (from >> 3));
      return { time, bytes: part };
    };
    return [cut(0, 64, true), cut(64, bytes.length - 20, false)];
  }

  test("a segment in fragments is one segment, whichever comes first", () => {
    for (const turn of [(parts: Frame[]) => parts, (parts: Frame[]) => parts.reverse()]) {
      const { run } = read(pcapFile(frames.flatMap((frame) => turn(fragmented(frame)))));
      expect(factsOf(run).rows).toEqual(wanted.rows);
    }
  });

  test("IPv6 with extension headers, and IP in IP", () => {
    const six = frames.map(({ time, bytes }) => {
      const upper = bytes.subarray(20);
      const address = (last: number) => [0xfd, ...Array.from({ length: 14 }, () => 0), last];
      const extensions = [60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0];
      const n = upper.length + extensions.length;
      const header = [0x60, 0, 0, 0, n >> 8, n & 255, 0, 64, ...address(bytes[15]!), ...address(bytes[19]!)];
      return { time, bytes: Uint8Array.from([...header, ...extensions, ...upper]) };
    });
    const { run } = read(pcapFile(six, { linkType: 229 }));
    expect(factsOf(run).rows).toEqual(wanted.rows);
    expect(run.connections[0]!.ends[0]).toMatch(/^\[fd00::7\]:\d+$/);
    const outer = (n: number) => [0x45, 0, n >> 8, n & 255, 0, 0, 0x40, 0, 64, 4, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    const inside = frames.map(({ time, bytes }) => ({
      time,
      bytes: Uint8Array.from([...outer(bytes.length + 20), ...bytes]),
    }));
    expect(factsOf(read(pcapFile(inside)).run)).toEqual(wanted);
  });
});

describe("files that are none", () => {
  test("random bytes give CaptureError or nothing, in whatever pieces", () => {
    const random = new Prng(7);
    for (let i = 0; i < 400; i++) {
      const bytes = Uint8Array.from({ length: random.below(400) }, () => random.below(256));
      try {
        read(bytes, 1 + random.below(50));
      } catch (error) {
        expect(error).toBeInstanceOf(CaptureError);
      }
    }
  });

  test("captures with flipped bytes are read as far as they go", () => {
    const random = new Prng(8);
    const forms = [pcapFile(frames), pcapngFile(frames), pcapFile(behind(frames, LINKS[3]![2]), { linkType: 1 })];
    for (let i = 0; i < 300; i++) {
      const bytes = forms[i % forms.length]!.slice();
      // The magic number stays.
      for (let k = 0; k < 1 + random.below(30); k++) bytes[12 + random.below(bytes.length - 12)] = random.below(256);
      try {
        verdictsOf(read(bytes.subarray(0, 12 + random.below(bytes.length)), 1 + random.below(5_000)).run);
      } catch (error) {
        expect(error).toBeInstanceOf(CaptureError);
      }
    }
  });

  test("what is missing at the end is counted", () => {
    for (const whole of [pcapFile(frames), pcapngFile(frames)]) {
      const reader = new CaptureReader("capture", new Explainer());
      reader.push(whole.subarray(0, whole.length - 10));
      expect(reader.end()).toBeGreaterThan(0);
      expect(reader.damage).toBe("");
    }
  });

  test("files that people give by mistake are named", () => {
    for (const [text, words] of [
      ['{"schema":"tcpnet.event/2"}\n', "an event file: use tcpnet report"],
      ["PK\x03\x04 some archive", "a zip archive"],
      ["hello, world, hello", "neither a pcap nor a pcapng file"],
      ["short", "too short for a capture"],
      ["", "is empty"],
    ] as const)
      expect(() => read(new TextEncoder().encode(text))).toThrow(words);
  });
});
