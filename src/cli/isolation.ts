import { accessSync, constants, readFileSync, readlinkSync } from "node:fs";
import { findTool, isRoot, toolEnvironment } from "#ffi/environment";

/** How a private network can be had here: the command that runs another in one, or why not. */
export type Isolation = { readonly command: readonly string[] } | { readonly refused: string };

/** Processes of its own as well: when the one that is started ends, however it does, the kernel ends all of them. */
const OWN_PROCESSES = ["--pid", "--fork"];

/** @param processes whether the command is to have a process namespace, too. */
export function isolation({ processes = false } = {}): Isolation {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { refused: missing ? "there is no /dev/net/tun here" : "only root may open /dev/net/tun" };
  }
  const [unshare, ip] = ["unshare", "ip"].map(findTool);
  if (!unshare || !ip) return { refused: `the program ${unshare ? "ip" : "unshare"} is missing` };
  const own = ["--net", ...(processes ? OWN_PROCESSES : [])];
  const ways = [
    [unshare, ...own],
    [unshare, "--user", "--map-root-user", ...own],
  ];
  let said = "";
  for (const way of isRoot() ? ways : ways.slice(1)) {
    const tried = Bun.spawnSync([...way, ip, "tuntap", "add", "probe0", "mode", "tun"], {
      env: toolEnvironment(),
      stderr: "pipe",
    });
    if (tried.exitCode === 0) return { command: way };
    said ||= tried.stderr.toString().trim().split("\n")[0]!;
  }
  return {
    refused: `this system does not allow a network namespace with a TUN device${said === "" ? "" : ` (${said})`}`,
  };
}

/** Set for the demo inside of its private network: how it was had. There anybody may look like root. */
export const DEMO_INSIDE = "TCPNET_DEMO_INSIDE";
/** Set with it: where `tcpnet link` looks for the demo's link. Inside, another user may seem to run. */
export const DEMO_SOCKET = "TCPNET_DEMO_SOCKET";
/** Set for a script of `drill --kernel` inside of its private network. */
export const DRILL_INSIDE = "TCPNET_DRILL_INSIDE";

/** What the program outside of a private network tells the one that it starts inside. */
const TOLD_INSIDE = [DEMO_INSIDE, DEMO_SOCKET, DRILL_INSIDE] as const;

/** All of it, for a program that starts itself again there. */
export function variablesInside(): Record<string, string | undefined> {
  return Object.fromEntries(TOLD_INSIDE.map((name) => [name, process.env[name]]));
}

/**
 * What the program outside told this one, inside of its private network. Whatever the environment says, it is undefined in
 * the network of whoever started us: else a variable could make `demo` set up this machine's own network.
 */
export function toldInside(name: (typeof TOLD_INSIDE)[number]): string | undefined {
  const told = process.env[name];
  return told !== undefined && hasOwnNetwork() ? told : undefined;
}

/** Whether our network namespace is another one than that of whoever started us. */
function hasOwnNetwork(): boolean {
  try {
    return readlinkSync(`/proc/${starter()}/ns/net`) !== readlinkSync("/proc/self/ns/net");
  } catch {
    // A process outside of our user namespace does not show us its namespaces. In the first user namespace all ids are there.
    return readFileSync("/proc/self/uid_map", "utf8").trim().split(/\s+/)[2] !== "4294967295";
  }
}

/**
 * The program that started us, as /proc counts processes. `unshare --net` becomes us; with `--fork` it stays, in our network,
 * as the parent of the first process of a namespace.
 */
function starter(): number {
  const parent = parentOf("self");
  return process.pid === 1 ? parentOf(parent) : parent;
}

function parentOf(pid: number | "self"): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
