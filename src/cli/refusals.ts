/** Reports SYNs that a host refuses, from remotes that may not connect and for other ports, so that users can find the mistake. */
import type { Address } from "#ip/address";
import { counted } from "#observe/units";
import type { EngineStack } from "#socket/stack-types";
import type { Listener } from "#socket/types";
import type { Limits } from "#stack/limits";
import { RX_REMOTE_REFUSED } from "#tcp/words/marks";
import type { Voice } from "./voice.ts";

/**
 * Prints each, and counts those that come too fast. @param only the remote that may connect; null: anybody
 * @param fix how to let anybody connect
 */
export function tellRefusals(
  voice: Voice,
  stack: EngineStack,
  listener: Listener,
  only: Address | null,
  fix = "--any lets anybody connect",
): void {
  let counted = 0;
  // The callback has the last such remote of a turn; the counter has all of them.
  listener.onRemoteRefused = ({ hostname }) => {
    const all = stack.engine.counters.get(RX_REMOTE_REFUSED);
    voice.count("remote-refused", all - counted - 1);
    counted = all;
    const text = `· refused ${hostname}: only ${only} may connect (${fix})`;
    voice.event("remote-refused", { remote: hostname }, text);
  };
  const { port: own } = listener.address;
  stack.onRefused = ({ hostname }, port, count) => {
    voice.count("refused", count - 1);
    const text = `· refused ${hostname}: no program listens on port ${port} (this host listens on port ${own})`;
    voice.event("refused", { remote: hostname, port }, text);
  };
}

/** Clients whose SYNs are dropped see only that nobody answers: whoever runs the host has to know why. Each reason is told once. */
export function tellFull(voice: Voice, listener: Listener, limits: Readonly<Limits>, backlog: number): void {
  const warned = new Set<string>();
  listener.onFull = (what) => {
    if (warned.has(what)) return;
    warned.add(what);
    const why = "clients retry them; the last line counts them";
    if (what === "connections") {
      const reached = `the limit of ${counted(limits.connections, "connection")} is reached`;
      voice.warn({ what: `${reached}: further SYNs are dropped`, why, fix: "--max changes the limit" });
    } else if (what === "source") {
      const reached = `a client has ${counted(limits.connectionsPerSource, "connection")}, as many as one may have`;
      voice.warn({ what: `${reached}: its further SYNs are dropped`, why, fix: "--max-per-source changes the limit" });
    } else {
      const waiting = `${counted(backlog, "connection")} are waiting to be served`;
      voice.warn({ what: `${waiting}: further SYNs are dropped`, why, fix: "" });
    }
  };
}
