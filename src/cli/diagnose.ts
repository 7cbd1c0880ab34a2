import { readFileSync } from "node:fs";
import { type Link, readLinks } from "#netup/facts";
import { isOwn } from "#netup/plan-device";
import { machine } from "#netup/run";
import type { Endpoint } from "./endpoint.ts";
import { LAB } from "./lab.ts";
import { programName } from "./program.ts";

/** A reason on this machine why packets do not reach the other stack, and what to type. */
export interface Obstacle {
  readonly what: string;
  readonly fix: string;
}

/** Looks for the usual reasons why nothing comes back; null if none is found. Needs no privileges. */
export function obstacle({ role, tun, kernel, remote, toKernel, inMemory, isNewDevice }: Endpoint): Obstacle | null {
  if (remote === null || toKernel || inMemory === true || kernel.contains(remote)) return null;
  const devices = isNewDevice === true ? netupLinks() : [];
  if (devices.length > 0) {
    const { name, addresses } = devices[role === "host" ? 0 : devices.length - 1]!;
    const what = `${tun} is a new device, not one that netup made (${devices.map((link) => link.name).join(", ")})`;
    const cidr = addresses.find((address) => address.includes(":") === (kernel.family === 6)) ?? kernel;
    return { what, fix: `if you meant ${name}: ${programName} ${role} ${name} ${cidr} ${remote}` };
  }
  const others = Object.values(LAB).some(([name]) => name === tun) ? "" : ` --ifs ${tun},OTHER`;
  const fix = `sudo ${programName} netup${others}${kernel.family === 6 ? " --v6" : ""}`;
  if (!forwards(tun, kernel.family)) {
    return { what: `forwarding is off on ${tun}: the kernel does not pass packets between the stacks`, fix };
  }
  return null;
}

/** The same, with reasons that are likely once nothing has come back. @param other the program on the other side */
export function obstacleAfterSilence(e: Endpoint, other = e.role === "host" ? "peer" : "host"): Obstacle {
  const found = obstacle(e);
  if (found !== null) return found;
  if (e.toKernel) return { what: "no program on this machine answered", fix: `is it listening on ${e.remote}?` };
  return {
    what: `the ${other} is not running, uses another port or address, or a firewall drops the packets`,
    fix: `start the ${other}; ${programName} status shows devices, routes and firewalls`,
  };
}

/** The names of the devices that netup made, in the order of their creation. */
export function netupDevices(): string[] {
  return netupLinks().map((link) => link.name);
}

function netupLinks(): Link[] {
  return readLinks(machine.run(["ip", "-d", "-j", "addr", "show"]).out).filter(isOwn);
}

/** Reasons after an ICMP error of a router, usually this kernel. */
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

/** A setting that cannot be read does not count as off. */
function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}
