import { openTun } from "#device/tun";
import { refuseOutside } from "./guard.ts";

/** Opens the device named, as `host` will, with offload and without, and says so. */
refuseOutside();
const name = process.argv[2]!;
for (const offload of [true, false]) {
  const device = openTun({ name, offload });
  console.log(`${device.name} mtu ${device.mtu} queue ${device.queueLength} tso ${device.offload.tso4}`);
  device.close();
}
