/** Two TUN devices with the kernel's forwarding between them. Only inside a namespace of one's own. */
import { writeFileSync } from "node:fs";
import { openTun, type TunDevice, type TunOptions } from "#device/tun";
import { configureInterface } from "#device/tun-config";
import type { Rig } from "./suite.ts";

const ADDRESSES = [
  { name: "tun0", v4: [10, 0, 0, 1], v6: 0x0a },
  { name: "tun1", v4: [10, 0, 1, 1], v6: 0x0b },
] as const;

function address6(net: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set([0xfd, 0, 0, net]);
  bytes[15] = 1;
  return bytes;
}

export function tunRig(
  queueLength: number,
  more: Pick<TunOptions, "offload" | "checksums"> = {},
): Rig & { readonly a: TunDevice } {
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "1");
  const [a, b] = ADDRESSES.map(({ name, v6 }) =>
    openTun({ name, prefix: { address: address6(v6), length: 64 }, mtu: 1_500, queueLength, ...more }),
  ) as [TunDevice, TunDevice];
  for (const { name, v4 } of ADDRESSES)
    configureInterface(name, { prefix: { address: Uint8Array.from(v4), length: 24 } });
  return { a, b };
}
