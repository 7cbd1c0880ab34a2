import { readFileSync } from "node:fs";
import type { Device } from "#device/device";
import { ImpairDevice } from "#device/impair";
import { openTun } from "#device/tun";
import type { DevicePrefix } from "#device/tun-config";
import { monotonic } from "#driver/clock";
import { tooBig } from "#icmp/path-error";
import type { Address } from "#ip/address";
import { ALIAS } from "#netup/changes";
import { machine } from "#netup/run";
import { CliError } from "./cli-error.ts";
import type { Endpoint } from "./endpoint.ts";
import { EXIT_NOT_READY } from "./exit-codes.ts";
import type { Impairment } from "./link-flags.ts";
import { programName } from "./program.ts";

export interface DeviceWishes {
  readonly mtu: number | undefined;
  readonly offload: boolean;
  readonly impairment: Impairment | null;
  /** Take a device that is there and that netup did not make. */
  readonly force: boolean;
}

/** The TUN device of the command line, made or attached to, behind the impaired link where one was asked for. */
export function openDevice({ tun, kernel }: Pick<Endpoint, "tun" | "kernel">, wishes: DeviceWishes): Device {
  if (!wishes.force) refuseForeign(tun);
  const prefix: DevicePrefix = { address: addressBytes(kernel.address), length: kernel.bits };
  const { impairment } = wishes;
  // A link carries packets as a wire sees them, so nothing may hand whole super-segments over.
  const offload = wishes.offload && impairment === null;
  const device = openTun({ name: tun, prefix, mtu: wishes.mtu, offload });
  return impairment === null ? device : impaired(device, impairment);
}

export function impaired(device: Device, { profiles, seed }: Impairment): Device {
  return new ImpairDevice(device, { profiles, seed, now: monotonic(), tooBig });
}

/** A device of that name that somebody else made (a VPN, say) is not taken without being asked. */
function refuseForeign(tun: string): void {
  // Under /proc/net the device is this network's own even where /sys still shows another's.
  if (!new RegExp(`^ *${RegExp.escape(tun)}:`, "m").test(readFileSync("/proc/net/dev", "utf8"))) return;
  const alias = aliasOf(tun);
  if (alias === null || alias.startsWith(ALIAS)) return;
  throw new CliError(
    EXIT_NOT_READY,
    `${tun} is not ours`,
    "a device of that name is there already, and netup did not make it",
    `take another name, or say --force if you made it; ${programName} status shows it`,
  );
}

/** The kernel's alias of the device; null where that cannot be known. */
function aliasOf(tun: string): string | null {
  const { code, out } = machine.run(["ip", "-j", "link", "show", "dev", tun]);
  if (code !== 0) return null;
  try {
    return (JSON.parse(out) as { ifalias?: string }[])[0]?.ifalias ?? "";
  } catch {
    return null;
  }
}

/** Four or sixteen bytes in network order. */
function addressBytes({ family, a, b, c, d }: Address): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  [a, b, c, d].forEach((word, i) => {
    view.setInt32(i * 4, word);
  });
  return new Uint8Array(view.buffer).slice(family === 4 ? 12 : 0);
}
