/** `CaptureChunks` and `CaptureDevice` of the package: what they are given is checked, for those who write plain JavaScript. */
import { expect, test } from "bun:test";
import { pair } from "../../src/index.ts";
import { CaptureChunks, CaptureDevice } from "../../src/package/pcap.ts";

type Loose = new (...given: unknown[]) => object;
const take = () => {};
const device = pair()[0];

test.each([
  [CaptureChunks, [], "CaptureChunks needs a function that takes the pieces, not undefined"],
  [CaptureChunks, ["a.pcapng"], 'CaptureChunks needs a function that takes the pieces, not "a.pcapng"'],
  [
    CaptureChunks,
    [take, "client"],
    'CaptureChunks\' second argument must be an object such as { name: "client" }, not "client"',
  ],
  [CaptureChunks, [take, { chunks: 1 }], 'CaptureChunks\' second argument has no "chunks": did you mean chunk?'],
  [CaptureChunks, [take, { chunk: -1 }], "chunk must be a whole number from 0 to 1073741824, not -1"],
  [CaptureChunks, [take, { epoch: 0.5 }], "epoch must be a whole number from 0 to 9007199254740991, not 0.5"],
  [CaptureChunks, [take, { comments: 1 }], "comments must be true or false, not 1"],
  [
    CaptureDevice,
    [undefined, new CaptureChunks(take)],
    "device must be a device such as openTun or pair makes, not undefined",
  ],
  [CaptureDevice, ["tun0"], 'device must be an open device, not "tun0": use device: openTun({ name: "tun0" })'],
  [CaptureDevice, [device], "CaptureDevice needs a sink such as new CaptureChunks(take), not undefined"],
  [CaptureDevice, [device, take], "CaptureDevice needs a sink such as new CaptureChunks(take), not a function"],
])("new %p(...%j) is refused in words", (Kind, given, words) => {
  const make = () => new (Kind as unknown as Loose)(...given);
  expect(make).toThrow(words);
  expect(make).toThrow(expect.objectContaining({ name: "CallError", code: "EINVAL" }));
});

test("an empty capture has its head, which finish hands over", () => {
  const pieces: Uint8Array[] = [];
  new CaptureChunks((piece) => pieces.push(piece), { name: "client", epoch: 0, chunk: 0, comments: false }).finish();
  expect(pieces.map((piece) => new DataView(piece.buffer).getUint32(0).toString(16))).toEqual(["a0d0d0a"]);
});
