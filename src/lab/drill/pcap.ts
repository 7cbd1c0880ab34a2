import type { Crossing } from "./interpreter/runner.ts";

/** The packets of a run as a classic pcap file with nanosecond timestamps and raw IP (LINKTYPE_RAW), for Wireshark. */
export function pcap(packets: readonly Crossing[]): Uint8Array {
  const size = packets.reduce((n, p) => n + 16 + p.bytes.length, 24);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  [0xa1b23c4d, 0x00020004, 0, 0, 65_535, 101].forEach((word, i) => {
    view.setUint32(i * 4, word);
  });
  let o = 24;
  for (const { time, bytes: packet } of packets) {
    view.setUint32(o, Math.floor(time / 1e6));
    view.setUint32(o + 4, (time % 1e6) * 1_000);
    view.setUint32(o + 8, packet.length);
    view.setUint32(o + 12, packet.length);
    bytes.set(packet, o + 16);
    o += 16 + packet.length;
  }
  return bytes;
}
