/** The fields of an IP header that `valid` has accepted, into an `IpHeader`. */
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { V4_MAPPED } from "./address.ts";
import type { IpHeader } from "./header.ts";

/** All but `n`, and what only fragments have. */
export function readHeader4(v: DataView, o: number, header: IpHeader): void {
  header.family = 4;
  header.s0 = header.s1 = header.d0 = header.d1 = 0;
  header.s2 = header.d2 = V4_MAPPED;
  header.s3 = ipv4.source(v, o);
  header.d3 = ipv4.destination(v, o);
  header.protocol = ipv4.protocol(v, o);
  header.ttl = ipv4.ttl(v, o);
  header.tos = ipv4.tos(v, o);
  header.headerO = o;
  header.headerN = ipv4.headerLength(v, o);
  header.nextHeaderAt = ipv4.PROTOCOL;
  header.o = o + header.headerN;
}

/** The fixed header; `walkReceived` reads on from there. */
export function readHeader6(v: DataView, o: number, header: IpHeader): void {
  header.family = 6;
  header.s0 = ipv6.source(v, o, 0);
  header.s1 = ipv6.source(v, o, 1);
  header.s2 = ipv6.source(v, o, 2);
  header.s3 = ipv6.source(v, o, 3);
  header.d0 = ipv6.destination(v, o, 0);
  header.d1 = ipv6.destination(v, o, 1);
  header.d2 = ipv6.destination(v, o, 2);
  header.d3 = ipv6.destination(v, o, 3);
  header.ttl = ipv6.hopLimit(v, o);
  header.tos = ipv6.trafficClass(v, o);
  header.headerO = o;
}
