import { isV4 } from "./address.ts";

/** The default TTL. RFC 1122 §3.2.1.7: it must be configurable; IANA recommends 64. */
export const DEFAULT_TTL = 64;

/** Parameters of a packet to send: one reused register. Addresses are words as in `Address`, of one family. */
export class IpSend {
  s0 = 0;
  s1 = 0;
  s2 = 0;
  s3 = 0;
  d0 = 0;
  d1 = 0;
  d2 = 0;
  d3 = 0;
  protocol = 0;
  /** TTL or hop limit, 1..255. */
  ttl = DEFAULT_TTL;
  /** DSCP and ECN. */
  tos = 0;
  /** IPv4's DF: routers must not fragment the packet. (IPv6 routers never do.) */
  dontFragment = true;
  /** IPv6: 20 bits, 0 for none. */
  flowLabel = 0;

  get family(): 4 | 6 {
    return isV4(this.d0, this.d1, this.d2) ? 4 : 6;
  }

  setSource(a: number, b: number, c: number, d: number): void {
    this.s0 = a;
    this.s1 = b;
    this.s2 = c;
    this.s3 = d;
  }

  setDestination(a: number, b: number, c: number, d: number): void {
    this.d0 = a;
    this.d1 = b;
    this.d2 = c;
    this.d3 = d;
  }
}
