/** Which sizes of segments the paths of connections allow: what is known when they begin, and what ICMP errors say later (RFC 1191, 8201). */
import type { Address } from "#ip/address";
import type { PathMtu } from "#ip/path-mtu";
import { pathMtuChanged } from "#tcp/machine/icmp";
import { dueClaim, isBelieved } from "#tcp/words/path";
import { CLOSED, SYN_SENT } from "#tcp/words/state";
import type { Tcb } from "#tcp/words/tcb";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as tcphdr from "#wire/tcp";

export class PathSizes {
  readonly #pathMtu: PathMtu;

  constructor(pathMtu: PathMtu) {
    this.#pathMtu = pathMtu;
  }

  /** The path of a new connection. */
  begin(tcb: Tcb, now: number): void {
    const { remote } = tcb;
    tcb.localMss = this.pathMss(remote, now);
    tcb.path.version = this.#pathMtu.version;
    tcb.path.belowFloor = this.#pathMtu.isBelowFloor(remote.a, remote.b, remote.c, remote.d, now);
  }

  /** The TCP payload that fits into a packet of the path MTU, without options (RFC 9293 §3.7.1, MMS_S - 20). */
  pathMss(remote: Address, now: number): number {
    return this.#mtu(remote, now) - ipHeader(remote) - tcphdr.HEADER_MIN;
  }

  #mtu({ a, b, c, d }: Address, now: number): number {
    return this.#pathMtu.get(a, b, c, d, now);
  }

  /**
   * Before the connection sends: another connection may have learned a smaller path MTU. In SYN-SENT nothing depends on the MTU yet, so
   * the connection looks it up once it is open.
   */
  learnPath(tcb: Tcb, now: number): void {
    const { path, remote, snd } = tcb;
    const { version } = this.#pathMtu;
    if (path.version === version || tcb.state === SYN_SENT) return;
    path.version = version;
    if (!tcb.params.pathMtuDiscovery) return;
    const mtu = this.#mtu(remote, now);
    // The next segment shows whether the MTU also holds for this connection.
    if (isBelieved(tcb, mtu, mtu - ipHeader(remote), snd.nxt)) this.#adopt(tcb, now);
  }

  /** An ICMP error says that the segment at `seq` exceeds a link MTU of `mtu`. */
  tooBig(tcb: Tcb, mtu: number, seq: number, now: number): void {
    const { remote } = tcb;
    const least = remote.family === 4 ? Math.max(mtu, this.#pathMtu.floor) : mtu;
    if (isBelieved(tcb, mtu, least - ipHeader(remote), seq)) this.#lower(tcb, mtu, now);
  }

  /** After the connection's timers fired: believes a pending claim about the path MTU that was waiting for a retransmission timeout. */
  believeClaim(tcb: Tcb, now: number): void {
    const mtu = dueClaim(tcb);
    if (mtu > 0 && tcb.state !== CLOSED) this.#lower(tcb, mtu, now);
  }

  #lower(tcb: Tcb, mtu: number, now: number): void {
    const { a, b, c, d } = tcb.remote;
    this.#pathMtu.lower(a, b, c, d, mtu, now);
    // Another connection may have updated the table, but this connection has not adopted it yet.
    this.#adopt(tcb, now);
  }

  #adopt(tcb: Tcb, now: number): void {
    const { a, b, c, d } = tcb.remote;
    tcb.path.belowFloor = this.#pathMtu.isBelowFloor(a, b, c, d, now);
    pathMtuChanged(tcb, this.pathMss(tcb.remote, now), now);
  }
}

function ipHeader(remote: Address): number {
  return remote.family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER;
}
