/** A module object in the shape of `node:dgram`, for a stack. */
import type { NetStack } from "#socket/stack-types";
import type { DgramOptions, RemoteInfo } from "./dgram-settings.ts";
import { DgramSocket } from "./dgram-socket.ts";

/** What `nodeDgram` gives. */
export interface NodeDgram {
  readonly Socket: new (
    options: DgramOptions | "udp4" | "udp6",
    listener?: (message: Buffer, remote: RemoteInfo) => void,
  ) => DgramSocket;
  createSocket(
    options: DgramOptions | "udp4" | "udp6",
    listener?: (message: Buffer, remote: RemoteInfo) => void,
  ): DgramSocket;
  readonly default: NodeDgram;
}

/** `node:dgram` with UDP sockets of `stack`: give it to whatever takes a `dgram` module, or mock the module with it. */
export function nodeDgram(stack: NetStack): NodeDgram {
  const Bound = class extends DgramSocket {
    constructor(options: DgramOptions | "udp4" | "udp6", listener?: (message: Buffer, remote: RemoteInfo) => void) {
      super(stack, options, listener);
    }
  };
  Object.defineProperty(Bound, "name", { value: "Socket" });
  const dgram = {
    Socket: Bound,
    createSocket: (
      options: DgramOptions | "udp4" | "udp6",
      listener?: (message: Buffer, remote: RemoteInfo) => void,
    ): DgramSocket => new Bound(options, listener),
  };
  return Object.assign(dgram, { default: dgram as unknown as NodeDgram });
}
