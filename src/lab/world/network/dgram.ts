import { DgramSocket } from "#node/dgram-socket";
import type { Bag } from "../globals.ts";
import { type Call, type Class, divertClass, divertIn, here, notOfThisWorld, set } from "./divert.ts";

export function divertDgram(dgram: Bag): void {
  const Socket = dgram.Socket as Class;
  divertIn(dgram, "createSocket", (network) => network.dgram.createSocket as Call);
  set(
    dgram,
    "Socket",
    divertClass(Socket, ({ dgram: own }, args) => Reflect.construct(own.Socket, args), {
      own: DgramSocket as unknown as Class,
    }),
  );
  // What is left of the system's sockets: functions that were imported before, and what was made outside of hosts.
  const prototype = Socket.prototype as Bag;
  for (const name of ["bind", "connect", "send"]) {
    const was = prototype[name] as Call;
    set(prototype, name, function (this: unknown, ...args: unknown[]) {
      if (here() === null) return Reflect.apply(was, this, args);
      throw notOfThisWorld(
        `${name} of this UDP socket`,
        "dgram.createSocket on a host, and import tcpnet/sim before the modules that import dgram",
      );
    });
  }
}
