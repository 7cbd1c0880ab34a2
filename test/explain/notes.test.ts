/** What is said of captures that lack something, and of resets. */
import { expect, test } from "bun:test";
import { verdictsOf } from "#report/verdict/verdict";
import { type Frame, framesOf, pcapFile } from "./files.ts";
import { captured, explained } from "./lab.ts";

const { pcap } = captured({ link: "delay 20ms rate 10mbit queue 100", seed: 5, bytes: 60_000 });
const frames = framesOf(pcap.sender);
const SENDER = 7;

const said = (of: readonly Frame[]) =>
  verdictsOf(explained(pcapFile(of)))
    .flatMap(({ sentences }) => sentences.map(({ text }) => text))
    .join("\n");

/** The last octet of the source address. */
const sourceOf = ({ bytes }: Frame) => bytes[15];

/** A reset in the name of who sent `like`, after it. */
function reset(like: Frame, flags: number, ttl = like.bytes[8]!): Frame {
  const bytes = like.bytes.slice(0, 40);
  const v = new DataView(bytes.buffer);
  v.setUint16(2, 40);
  bytes[8] = ttl;
  bytes[32] = 0x50;
  bytes[33] = flags;
  return { time: like.time + 1_000, bytes };
}

const RST = 4;
const ACK = 16;

test("without the handshake, window scales are not known; nothing else is missing", () => {
  const words = said(frames.slice(3));
  expect(words).toContain("The capture begins after the handshake: window scales are not known");
  expect(words).toContain("60.0 kB in");
  expect(words).not.toContain("not in the capture: the capturing program missed");
});

test("packets of one side only", () => {
  const words = said(frames.filter((frame) => sourceOf(frame) === SENDER));
  expect(words).toMatch(/Only packets from 10\.0\.0\.7:\d+ are in the capture/);
});

test("a packet that the capturing program missed is not taken for a loss", () => {
  const data = frames.findIndex((frame, i) => i > 10 && sourceOf(frame) === SENDER && frame.bytes.length > 1_000);
  const words = said(frames.filter((_, i) => i !== data));
  expect(words).toMatch(/1\.45 kB from 10\.0\.0\.7:\d+ were acknowledged and are not in the capture/);
  expect(words).not.toContain("retransmission");
});

test("a packet that was captured at two places counts once", () => {
  const words = said(frames.flatMap((frame, i) => (i === 12 ? [frame, { ...frame, time: frame.time + 10 }] : [frame])));
  expect(words).toContain("1 packet is in the capture twice");
  expect(words).not.toContain("retransmission");
});

test("resets: refused, forged by a device on the path, data after the close", () => {
  const [syn, synAck] = frames as [Frame, Frame];
  expect(said([syn, reset(synAck, RST | ACK)])).toMatch(/10\.0\.1\.5:7000 refused the connection/);
  const middle = frames.slice(0, 20);
  const last = middle.findLast((frame) => sourceOf(frame) === SENDER)!;
  expect(said([...middle, reset(last, RST | ACK, 37)])).toMatch(/probably forged the reset .* TTL is 37/);
  const theirs = middle.findLast((frame) => sourceOf(frame) !== SENDER)!;
  expect(said([...middle, { ...reset(theirs, RST | ACK), time: middle.at(-1)!.time + 1_000 }])).toMatch(
    /Data came to 10\.0\.1\.5:7000 after its program had closed the connection/,
  );
});

test("a SYN that nobody answers", () => {
  const again = [0, 1e6, 3e6].map((time) => ({ ...frames[0]!, time }));
  const words = said(again);
  expect(words).toContain("Nobody answered the SYN");
  expect(words).toContain("sent its SYN 3 times");
});
