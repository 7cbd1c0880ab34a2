/** A DNS server for tests, over a stack's UDP and TCP, with answers that the test makes. */
import * as dns from "@dnsquery/dns-packet";
import type { NetStack } from "#socket/stack-types";
import type { Socket } from "#socket/types";

/** A question as the server got it. */
export interface Asked {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly over: "udp" | "tcp";
  readonly extended: boolean;
  readonly port: number;
}

/** What goes back: octets, parts of a packet, several, or nothing. */
export type Said = Uint8Array | Partial<dns.Packet> | readonly (Uint8Array | Partial<dns.Packet>)[] | null;

export const records = (name: string, type: "A" | "AAAA" | "CNAME", ...data: string[]): dns.Answer[] =>
  data.map((each) => ({ name, type, class: "IN", ttl: 60, data: each }));

/** NOERROR, NXDOMAIN and others as the lowest bits of `flags`. */
export const [FORMERR, SERVFAIL, NXDOMAIN] = [1, 2, 3];

/** Serves on port 53; returns what was asked. */
export function serveDns(stack: NetStack, answer: (asked: Asked) => Said | Promise<Said>, address?: string): Asked[] {
  const all: Asked[] = [];
  const reply = async (bytes: Uint8Array, over: "udp" | "tcp", port: number): Promise<Uint8Array[]> => {
    const packet = dns.decode(bytes);
    const [question] = packet.questions!;
    const asked: Asked = {
      id: packet.id!,
      name: question!.name,
      type: question!.type,
      over,
      extended: packet.additionals!.length > 0,
      port,
    };
    all.push(asked);
    const said = await answer(asked);
    if (said === null) return [];
    const several = Array.isArray(said) ? said : [said];
    return several.map((each) =>
      each instanceof Uint8Array
        ? each
        : dns.encode({ type: "response", id: asked.id, questions: packet.questions!, ...each } as dns.Packet),
    );
  };
  const bound = address === undefined ? {} : { address };
  const udp = stack.bind({
    port: 53,
    ...bound,
    socket: {
      async data(socket, bytes, port, from) {
        for (const each of await reply(bytes.slice(), "udp", port)) socket.send(each, port, from);
      },
    },
  });
  void udp;
  stack.listen({ port: 53, ...(address === undefined ? {} : { hostname: address }), socket: { data: overTcp } });
  function overTcp(socket: Socket, bytes: Uint8Array): undefined {
    void reply(bytes.slice(2), "tcp", socket.remote.port).then((replies) => {
      for (const each of replies) {
        socket.write(new Uint8Array([each.length >> 8, each.length & 255]));
        socket.write(each);
      }
    });
  }
  return all;
}
