import { readFileSync } from "node:fs";
import { readLinks } from "#netup/facts";
import { isOwn } from "#netup/plan";
import { machine } from "#netup/run";
import type { Endpoint } from "./endpoint.ts";
import { LAB } from "./lab.ts";
import { programName } from "./program.ts";

/** Something about this machine that will keep packets from the other stack, and what to type. */
export interface Obstacle {
  readonly what: string;
  readonly fix: string;
}

/** Looks for the usual reasons that nothing comes back; null where none is seen. Needs no privileges. */
export function obstacle({ role, tun, kernel, remote, toKernel, inMemory, isNewDevice }: Endpoint): Obstacle | null {
  if (remote === null || toKernel || inMemory === true || kernel.contains(remote)) return null;
  const devices = isNewDevice === true ? netupDevices() : [];
  if (devices.length > 0) {
    const meant = devices[role === "host" ? 0 : devices.length - 1]!;
    const what = `${tun} is a new device, not one that netup made (${devices.join(", ")})`;
    return { what, fix: `if you meant ${meant}: ${programName} ${role} ${meant} ${kernel} ${remote}` };
  }
  const others = Object.values(LAB).some(([name]) => name === tun) ? "" : ` --ifs ${tun},OTHER`;
  const fix = `sudo ${programName} netup${others}${kernel.family === 6 ? " --v6" : ""}`;
  if (!forwards(tun, kernel.family)) {
    return { what: `forwarding is off on ${tun}: the kernel does not pass packets between the stacks`, fix };
  }
  return null;
}

/** The same, and what is known only once nothing has come back. */
export function obstacleAfterSilence(e: Endpoint): Obstacle {
  const found = obstacle(e);
  if (found !== null) return found;
  const other = e.role === "host" ? "peer" : "host";
  if (e.toKernel) return { what: "no program on this machine answered", fix: `is it listening on ${e.remote}?` };
  return {
    what: `the ${other} is not running, uses another port or address, or a firewall drops the packets`,
    fix: `start the ${other}; ${programName} status shows devices, routes and firewalls`,
  };
}

/** The devices that netup made, in the order that they were made in. */
export function netupDevices(): string[] {
  return readLinks(machine.run(["ip", "-d", "-j", "addr", "show"]).out)
    .filter(isOwn)
    .map((link) => link.name);
}

/** Where a router, commonly this kernel, said that it cannot pass packets on. */
export function noWay({ role }: Endpoint): Obstacle {
  const other = role === "host" ? "peer" : "host";
  return {
    what: `no route here leads to that address, a firewall rejects the packets, or the ${other} has another address`,
    fix: `${programName} status shows devices, routes and firewalls`,
  };
}

function forwards(tun: string, family: 4 | 6): boolean {
  const conf = `/proc/sys/net/ipv${family}/conf`;
  if (family === 4) return read(`${conf}/${tun}/forwarding`) !== "0";
  return read(`${conf}/all/forwarding`) !== "0" || read(`${conf}/${tun}/force_forwarding`) === "1";
}

/** What cannot be read is not called off. */
function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}
