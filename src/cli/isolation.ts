import { accessSync, constants, readFileSync, readlinkSync } from "node:fs";
import { findTool, isRoot, toolEnvironment } from "#ffi/environment";
import { CliError } from "./cli-error.ts";
import { EXIT_FAILURE } from "./exit-codes.ts";

/** How to get a private network here: the command that runs another one in it, or the reason why not. */
export type Isolation = { readonly command: readonly string[] } | { readonly refused: string };

/** Also a PID namespace: when its first process ends, the kernel ends all processes in it. */
const OWN_PROCESSES = ["--pid", "--fork"];

/** @param processes whether the command gets a PID namespace, too */
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

/** Set for the demo inside its private network: the command that made it. Inside, any user may look like root. */
export const DEMO_INSIDE = "TCPNET_DEMO_INSIDE";
/** Set with it: the path of the demo's control socket. Inside, the user's id may be another. */
export const DEMO_SOCKET = "TCPNET_DEMO_SOCKET";
/** Set with it for --web: the folder in which host and peer record. The process outside serves the page, where a browser reaches it. */
export const DEMO_RECORD = "TCPNET_DEMO_RECORD";
/** Set for a script of `drill --kernel` inside its private network. */
export const DRILL_INSIDE = "TCPNET_DRILL_INSIDE";

/** Set for `bench --vs` inside its private network. */
export const BENCH_INSIDE = "TCPNET_BENCH_INSIDE";
/** Set for `run` inside the namespaces of its command. */
export const RUN_INSIDE = "TCPNET_RUN_INSIDE";

/** Variables that the process outside a private network sets for the one inside. */
const FROM_OUTSIDE = [DEMO_INSIDE, DEMO_SOCKET, DEMO_RECORD, DRILL_INSIDE, BENCH_INSIDE, RUN_INSIDE] as const;

/** All of these variables, for a program that executes itself again inside. */
export function variablesInside(): Record<string, string | undefined> {
  return Object.fromEntries(FROM_OUTSIDE.map((name) => [name, process.env[name]]));
}

/**
 * Such a variable, set by the process outside. It is always undefined in
 * our parent's network: otherwise a variable could make `demo` set up this machine's own network.
 */
export function fromOutside(name: (typeof FROM_OUTSIDE)[number]): string | undefined {
  const value = process.env[name];
  return value !== undefined && hasOwnNetwork() ? value : undefined;
}

/**
 * Refuses to go on if the variable is set, and `fromOutside` does not believe it: the program outside was killed before it could be looked
 * at. Whoever goes on then as the program outside makes one more network, which nobody ends. Throws CliError.
 * @param place "the private network of bench --vs"
 */
export function refuseInVain(name: (typeof FROM_OUTSIDE)[number], place: string): void {
  if (process.env[name] === undefined || fromOutside(name) !== undefined) return;
  const why = `${name} is set, and the program that has set it is not there`;
  throw new CliError(EXIT_FAILURE, `this is not ${place}`, why, `unset ${name}`);
}

/** Whether our network namespace is another one than our parent's. */
function hasOwnNetwork(): boolean {
  try {
    return readlinkSync(`/proc/${starter()}/ns/net`) !== readlinkSync("/proc/self/ns/net");
  } catch {
    // We cannot see the namespaces of a process outside our user namespace. The initial user namespace maps all ids.
    return readFileSync("/proc/self/uid_map", "utf8").trim().split(/\s+/)[2] !== "4294967295";
  }
}

/**
 * Our parent process in /proc. `unshare --net` executes us; with `--fork` it stays in our network
 * as the parent of the namespace's first process.
 */
function starter(): number {
  const parent = parentOf("self");
  return process.pid === 1 ? parentOf(parent) : parent;
}

function parentOf(pid: number | "self"): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
