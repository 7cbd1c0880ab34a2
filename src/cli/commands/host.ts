import type { Call } from "../commands.ts";
import { runSession } from "../run-session.ts";

/** `tcpnet host <tun> <cidr> <remote>` */
export function run(call: Call): Promise<number> {
  return runSession("host", call);
}
