/** A CPU profile by part of the program. */

export interface Part {
  readonly name: string;
  /** Of the program's own time, 0 to 1. */
  readonly share: number;
}

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Functions that enter the kernel: the profile counts what it does there as theirs. */
const CALLS = new Set(["read", "readv", "write", "writev", "ioctl", "fcntl", "close", "open"]);
/** Where the program waits. */
const WAITS = new Set(["wait", "ppoll", "(idle)", "(program)"]);

/** The rooms of src in the order of a packet's way up. */
const ROOMS: Readonly<Record<string, string>> = {
  device: "device and driver",
  driver: "device and driver",
  ip: "IP and ICMP",
  icmp: "IP and ICMP",
  udp: "IP and ICMP",
  tcp: "TCP",
  stack: "stack",
  socket: "sockets",
  cli: "command",
  observe: "command",
  base: "memory and tables",
  wire: "headers",
};

export function partsOf(text: string): Part[] {
  const { nodes, samples, timeDeltas } = JSON.parse(text) as Profile;
  const parts = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame.functionName, callFrame.url)]));
  const sums = new Map<string, number>();
  samples.forEach((id, i) => {
    const part = parts.get(id);
    if (part !== undefined) sums.set(part, (sums.get(part) ?? 0) + timeDeltas[i]!);
  });
  const total = [...sums.values()].reduce((a, b) => a + b, 0);
  return [...sums].map(([name, time]) => ({ name, share: time / total })).sort((a, b) => b.share - a.share);
}

/** Undefined: it waits. */
function partOf(name: string, url: string): string | undefined {
  if (WAITS.has(name)) return undefined;
  if (url.includes("/ffi/") || (url === "" && CALLS.has(name))) return "system calls";
  const room = /\/src\/(\w+)\//.exec(url)?.[1];
  if (room !== undefined) return ROOMS[room] ?? room;
  return url === "" ? "engine: copies, maps, event loop" : "this measurement";
}
