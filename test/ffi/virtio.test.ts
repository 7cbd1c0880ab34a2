import { expect, test } from "bun:test";
import * as virtio from "#ffi/virtio";

/** The header as linux/virtio_net.h lays it out. */
function bytes(write: (v: DataView) => void): number[] {
  const v = new DataView(new ArrayBuffer(12));
  for (let i = 0; i < 12; i++) v.setUint8(i, 0xee);
  write(v);
  return [...new Uint8Array(v.buffer)];
}

test("headers are laid out as linux/virtio_net.h says, over whatever was there", () => {
  expect(bytes((v) => virtio.putPlain(v, 1))).toEqual([0xee, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xee]);
  expect(bytes((v) => virtio.putChecksum(v, 1, 40, 16))).toEqual([0xee, 1, 0, 0, 0, 0, 0, 40, 0, 16, 0, 0xee]);
  const segments = bytes((v) => {
    virtio.putChecksum(v, 1, 20, 16);
    virtio.putSegments(v, 1, virtio.GSO_TYPE_TCPV6 | virtio.GSO_TYPE_ECN, 72, 1_428);
  });
  expect(segments).toEqual([0xee, 1, 0x84, 72, 0, 0x94, 0x05, 20, 0, 16, 0, 0xee]);
});

test("what was written is read", () => {
  const v = new DataView(new ArrayBuffer(16));
  virtio.putChecksum(v, 3, 0x1234, 0x5678);
  virtio.putSegments(v, 3, virtio.GSO_TYPE_TCPV4, 60, 0xfedc);
  expect(virtio.flags(v, 3)).toBe(virtio.NEEDS_CSUM);
  expect(virtio.gsoType(v, 3)).toBe(virtio.GSO_TYPE_TCPV4);
  expect([virtio.gsoSize(v, 3), virtio.csumStart(v, 3), virtio.csumOffset(v, 3)]).toEqual([0xfedc, 0x1234, 0x5678]);
});
