/** Names, connection attempts, and timers above the engine. */
import type { RuleMutant } from "./rules.ts";

export const NAMES: readonly RuleMutant[] = [
  {
    name: "a DNS answer may have any id",
    file: "socket/names/dns-message.ts",
    find: 'packet.id !== question.id || packet.type !== "response"',
    replace: 'packet.type !== "response"',
    by: "test/socket/names/dns.test.ts",
  },
  {
    name: "a DNS answer may be about any name",
    file: "socket/names/dns-message.ts",
    find: " || !isSame(asked.name, question.name)",
    replace: "",
    by: "test/socket/names/dns.test.ts",
  },
  {
    name: "IPv4 does not wait for IPv6",
    file: "socket/names/race.ts",
    find: "else this.#startIn(RESOLUTION_DELAY);",
    replace: "else this.#start();",
    by: "test/socket/names/eyeballs.test.ts",
  },
  {
    name: "connection attempts that lose go on",
    file: "socket/names/race.ts",
    find: "for (const attempt of this.#attempts) attempt.cancel();",
    replace: "",
    by: "test/socket/names/eyeballs.test.ts",
  },
  {
    name: "an idle timeout counts from the opening",
    file: "socket/socket-timers.ts",
    find: "Math.max(lastSentAt, lastReceivedAt, openedAt, socket.history.begun)",
    replace: "Math.max(openedAt, socket.history.begun)",
    by: "test/socket/options.test.ts",
  },
  {
    name: "room that writeFrom did not fill stays taken",
    file: "tcp/machine/calls.ts",
    find: "    sendQueue.truncate(snd.queued + Math.max(0, taken));\n",
    replace: "",
    by: "test/socket/write-from.test.ts",
  },
  {
    name: "writeFrom's function may write to its connection",
    file: "tcp/machine/calls.ts",
    find: "    if (snd.queued !== before || snd.fin || tcb.state & CLOSED) taken = -EPIPE;",
    replace: "    if (snd.fin || tcb.state & CLOSED) taken = -EPIPE;",
    by: "test/socket/write-from.test.ts",
  },
  {
    name: "an alarm that was moved rings at its old time",
    file: "stack/alarms.ts",
    find: "if (alarm.at > now) this.#deadlines.arm(id, alarm.at);",
    replace: "if (alarm.at === -1) this.#deadlines.arm(id, alarm.at);",
    by: "test/stack/alarms.test.ts",
  },
];
