import { expect, test } from "bun:test";
import { LINK_CORRUPTED, LINK_DELIVERED, LINK_LOSS, LINK_OFFERED } from "#device/link-marks";
import { type FateSink, MarkedCapture, type MarkedOptions } from "#observe/marked-capture";

/** A marked capture, what it has written, and calls for a packet that is one octet. */
function rig(options: MarkedOptions = { outbound: true }) {
  const written: string[] = [];
  const u8 = new Uint8Array(64);
  let last = "";
  const sink: FateSink = {
    u8,
    view: new DataView(u8.buffer),
    begin: (_n, now, outbound) => {
      last = `${now} ${outbound ? "out" : "in"}`;
      return 0;
    },
    end: (cause, fate) => written.push(`${last} ${u8[0]} cause ${cause} fate ${fate}`),
  };
  const marked = new MarkedCapture(sink, options);
  const copy = (octet: number, now: number, outbound: boolean) => {
    marked.u8[marked.begin(1, now, outbound)] = octet;
    marked.end(7);
  };
  const tell = (mark: number, id: number, octet = 0) =>
    marked.onLink(0, mark, new DataView(Uint8Array.of(octet).buffer), 0, 1, id);
  return { marked, written, copy, tell };
}

test("a packet waits for its fate, and what comes after it waits behind it", () => {
  const { written, copy, tell } = rig();
  tell(LINK_OFFERED, 1);
  copy(10, 0, true);
  copy(11, 5, false);
  tell(LINK_OFFERED, 2);
  copy(12, 6, true);
  tell(LINK_DELIVERED, 2);
  expect(written).toEqual([]);
  tell(LINK_LOSS, 1);
  expect(written).toEqual([`0 out 10 cause 7 fate ${LINK_LOSS}`, "5 in 11 cause 7 fate 0", "6 out 12 cause 7 fate 0"]);
});

test("a link may decide before the copy is made, or get the packet after it; other things than losses are told as well", () => {
  const { written, copy, tell } = rig();
  tell(LINK_OFFERED, 1);
  tell(LINK_LOSS, 1);
  copy(10, 0, true);
  copy(11, 1, true);
  tell(LINK_OFFERED, 2);
  tell(LINK_CORRUPTED, 2);
  expect(written).toEqual([`0 out 10 cause 7 fate ${LINK_LOSS}`]);
  tell(LINK_DELIVERED, 2);
  expect(written[1]).toBe(`1 out 11 cause 7 fate ${LINK_CORRUPTED}`);
});

test("what is not offered to the link keeps nothing back; a fate that takes too long is not waited for, nor at the end", () => {
  const { marked, written, copy, tell } = rig({ outbound: true, patience: 100 });
  copy(10, 0, true);
  copy(11, 10, true);
  expect(written).toEqual(["0 out 10 cause 7 fate 0"]);
  tell(LINK_OFFERED, 1);
  copy(12, 50, false);
  expect(written.length).toBe(1);
  copy(13, 111, false);
  expect(written.slice(1)).toEqual(["10 out 11 cause 7 fate 0", "50 in 12 cause 7 fate 0", "111 in 13 cause 7 fate 0"]);
  copy(14, 120, true);
  tell(LINK_OFFERED, 2);
  marked.finish();
  tell(LINK_LOSS, 2);
  expect(written.at(-1)).toBe("120 out 14 cause 7 fate 0");
  expect(written.length).toBe(5);
});

test("at the other end of the link, packets are known by their octets; one that never came to it is not waited for", () => {
  const { written, copy, tell } = rig({ outbound: true, isFar: true });
  for (let i = 0; i < 3; i++) copy(10 + i, i, true);
  expect(written).toEqual([]);
  tell(LINK_OFFERED, 4, 11);
  tell(LINK_OFFERED, 5, 12);
  tell(LINK_LOSS, 5, 12);
  tell(LINK_DELIVERED, 4, 11);
  expect(written).toEqual(["0 out 10 cause 7 fate 0", "1 out 11 cause 7 fate 0", `2 out 12 cause 7 fate ${LINK_LOSS}`]);
});
