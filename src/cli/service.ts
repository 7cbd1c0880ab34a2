/** What a host does for many clients at once: echo, discard, source. By handlers: nothing is made per connection but what it counts. */
import type { Socket, SocketHandlers } from "#socket/types";
import { writePattern } from "./pump.ts";
import { Served, type ServiceWatcher } from "./served.ts";
import type { Service } from "./session-options.ts";

/** Services that know no files and no keyboard. */
export type ServiceOfMany = Extract<Service, { kind: "echo" | "discard" | "source" }>;

export function isServiceOfMany(service: Service): service is ServiceOfMany {
  return service.kind === "echo" || service.kind === "discard" || service.kind === "source";
}

/** The handlers of all connections of the service. */
export function handlersOf(service: ServiceOfMany, watcher: ServiceWatcher): SocketHandlers {
  const isSource = service.kind === "source";
  const ends: Pick<SocketHandlers, "end" | "close"> = {
    end(socket) {
      // A source closes its own direction when everything is written.
      if (!isSource) socket.closeWrite();
    },
    close(socket, error) {
      // One that never opened was told to nobody.
      if (socket.data instanceof Served) watcher.closed(socket.data, error);
    },
  };
  const servedOf = (socket: Socket) => {
    // Fast Open: data comes before the handshake is over.
    if (!(socket.data instanceof Served)) socket.data = new Served(socket, isSource && service.size > 0);
    return socket.data as Served;
  };
  const open = (socket: Socket) => watcher.opened(servedOf(socket));
  switch (service.kind) {
    case "echo":
      return {
        ...ends,
        open,
        data(socket, bytes) {
          const served = servedOf(socket);
          const taken = socket.write(bytes);
          if (taken > 0) {
            served.received.add(taken);
            served.sent.add(taken);
          }
          return taken;
        },
      };
    case "discard":
      return {
        ...ends,
        open,
        data(socket, bytes) {
          servedOf(socket).received.add(bytes.length);
        },
      };
    case "source":
      return {
        ...ends,
        open(socket) {
          open(socket);
          serve(servedOf(socket), service.size);
        },
        drain: (socket) => serve(servedOf(socket), service.size),
        data(socket, bytes) {
          servedOf(socket).received.add(bytes.length);
        },
      };
  }
}

/** Writes what the send buffer takes of the pattern, and the FIN behind its end. */
function serve(served: Served, size: number): void {
  const { socket, sent } = served;
  if (!writePattern(socket, size, sent)) return;
  served.isCutShort = false;
  socket.closeWrite();
}
