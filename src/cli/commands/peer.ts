import type { Call } from "../commands.ts";
import { runSession } from "../run-session.ts";

/** `tcpnet peer <tun> <cidr> <remote>` */
export function run(call: Call): Promise<number> {
  return runSession("peer", call);
}
