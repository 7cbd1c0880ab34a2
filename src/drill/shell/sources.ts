import { type Position, Unsupported } from "../ast.ts";
import type { Bench } from "../bench.ts";
import type { StateName } from "../engine.ts";
import type { Source } from "./actions.ts";

/** Text about the stack under test, in the form in which Linux' tools write it. */
export function sourceLines(bench: Bench, source: Source, position: Position): string[] {
  switch (source.kind) {
    case "text":
      return [...source.lines];
    case "counters":
      return counterLines(bench, source, position);
    case "sockets":
      return socketLines(bench);
  }
}

/** As nstat: what grew since it was last asked, or all there is. */
function counterLines(bench: Bench, source: Source & { readonly kind: "counters" }, position: Position): string[] {
  const now = bench.engine.counters?.();
  if (!now) throw new Unsupported("counters of the stack", position);
  const unknown = source.names.find((name) => now[name] === undefined);
  if (unknown !== undefined) throw new Unsupported(`counter ${unknown}`, position);
  const lines = ["#kernel"];
  for (const [name, value] of Object.entries(now)) {
    const shown = source.absolute ? value : value - (bench.counted.get(name) ?? 0);
    if (!source.keeps) bench.counted.set(name, value);
    if (shown !== 0 || source.zeros) lines.push(`${name.padEnd(32)}${String(shown).padEnd(16)}   0.0`);
  }
  return lines;
}

/** The numbers of /proc/net/tcp. */
const STATES: Readonly<Record<StateName, string>> = {
  ESTABLISHED: "01",
  "SYN-SENT": "02",
  "SYN-RECEIVED": "03",
  "FIN-WAIT-1": "04",
  "FIN-WAIT-2": "05",
  "TIME-WAIT": "06",
  CLOSED: "07",
  "CLOSE-WAIT": "08",
  "LAST-ACK": "09",
  LISTEN: "0A",
  CLOSING: "0B",
};

/** /proc/net/tcp, as far as scripts look at it: ports and states of the connections that the script knows. */
function socketLines(bench: Bench): string[] {
  const lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"];
  for (const port of bench.localPorts()) {
    for (const [state, number] of Object.entries(STATES)) {
      if (state === "CLOSED") continue;
      const address = `00000000:${port.toString(16).toUpperCase().padStart(4, "0")}`;
      for (let n = bench.engine.count(state as StateName, port); n > 0; n--) {
        const rest = "00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0";
        lines.push(`${String(lines.length - 1).padStart(4)}: ${address} 00000000:0000 ${number} ${rest}`);
      }
    }
  }
  return lines;
}
