/** The slow, obvious twin of the filter's program: sets of names instead of counted hashes. */
import { ECHO_REQUEST, FRAGMENT, STRAY_DATAGRAM, STRAY_SEGMENT } from "#ip/flood-filter";
import type { Ends } from "#tcp/words/tcb";

/** "syn": of the kind of its port. */
export type Judgement = number | "syn" | "pass";

const hex = (bytes: Uint8Array) => bytes.toHex();

export class Model {
  readonly flows = new Set<string>();
  /** Those to which a cookie was sent. */
  readonly expected = new Set<string>();
  readonly sources: string[] = [];
  readonly tcpPorts = new Set<number>();
  readonly udpPorts = new Set<number>();
  readonly known = new Set<string>();

  static flow(local: string, localPort: number, remote: string, remotePort: number): string {
    return `${local} ${localPort} ${remote} ${remotePort}`;
  }

  judge(packet: Uint8Array): Judgement {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const version = packet.length >= 20 ? packet[0]! >> 4 : 0;
    if (version === 4) {
      const start = (packet[0]! & 15) * 4;
      if (start < 20) return "pass";
      const [source, destination] = [hex(packet.subarray(12, 16)), hex(packet.subarray(16, 20))];
      // The offset in units of 8 octets, and "more fragments".
      if ((view.getUint16(6) & 0x3fff) !== 0) return this.#fragment(source);
      return this.#upper(packet, { protocol: packet[9]!, start, source, destination, prefix: source, echo: 8 });
    }
    if (version !== 6 || packet.length < 40) return "pass";
    const [source, destination] = [hex(packet.subarray(8, 24)), hex(packet.subarray(24, 40))];
    if (packet[6] === 44) return this.#fragment(source);
    const prefix = source.slice(0, 16);
    return this.#upper(packet, { protocol: packet[6]!, start: 40, source, destination, prefix, echo: 128 });
  }

  #fragment(source: string): Judgement {
    return this.sources.includes(source) ? "pass" : FRAGMENT;
  }

  #upper(
    packet: Uint8Array,
    ip: { protocol: number; start: number; source: string; destination: string; prefix: string; echo: number },
  ): Judgement {
    const { protocol, start, source, destination, prefix, echo } = ip;
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const has = (n: number) => packet.length >= start + n;
    if (protocol === 6) {
      if (!has(14)) return "pass";
      const [remotePort, localPort] = [view.getUint16(start), view.getUint16(start + 2)];
      const flow = Model.flow(destination, localPort, source, remotePort);
      const isSyn = (packet[start + 13]! & 0x16) === 0x02;
      if (this.flows.has(flow) || (!isSyn && this.expected.has(flow))) return "pass";
      if (!isSyn || !this.tcpPorts.has(localPort)) return STRAY_SEGMENT;
      return this.known.has(prefix) ? "pass" : "syn";
    }
    if (protocol === 17) {
      if (!has(4)) return "pass";
      return this.udpPorts.has(view.getUint16(start + 2)) ? "pass" : STRAY_DATAGRAM;
    }
    if (protocol !== (echo === 8 ? 1 : 58) || !has(1)) return "pass";
    return packet[start] === echo ? ECHO_REQUEST : "pass";
  }

  connected(ends: Ends): void {
    this.flows.add(flowOf(ends));
    this.sources.push(nameOf(ends.remote));
  }

  cookieSent(ends: Ends): void {
    this.expected.add(flowOf(ends));
  }

  disconnected(ends: Ends): void {
    this.flows.delete(flowOf(ends));
    this.sources.splice(this.sources.indexOf(nameOf(ends.remote)), 1);
  }
}

function flowOf({ local, localPort, remote, remotePort }: Ends): string {
  return Model.flow(nameOf(local), localPort, nameOf(remote), remotePort);
}

function nameOf(address: Ends["local"]): string {
  const word = (n: number) => (n >>> 0).toString(16).padStart(8, "0");
  const { a, b, c, d, family } = address;
  return family === 4 ? word(d) : [a, b, c, d].map(word).join("");
}
