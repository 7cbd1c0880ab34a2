import { naiveIcmp, naiveIPv4, naiveIPv6, octets16, octets32 } from "./naive/ip.ts";
import type { TcpBench } from "./tcp-bench.ts";

/** An ICMP error about our segment at `seq` (relative), as a router or the peer sends it. */
export function icmp(b: TcpBench, type: number, code: number, seq: number, rest = 0, quoted = 8): void {
  const tcp = [
    ...octets16(b.localPort),
    ...octets16(b.port),
    ...octets32((b.iss + seq) >>> 0),
    ...new Array(12).fill(0),
  ];
  const ends = { source: b.local, destination: b.remote };
  if (b.family === 4) {
    const quote = naiveIPv4({ ...ends, protocol: 6, flags: 0x4000, totalLength: 1500 }, tcp.slice(0, quoted));
    const message = naiveIcmp(type, code, rest, quote);
    b.inject(naiveIPv4({ source: "10.0.9.9", destination: b.local, protocol: 1 }, message));
  } else {
    const quote = naiveIPv6({ ...ends, nextHeader: 6 }, tcp);
    const message = naiveIcmp(type, code, rest, quote, ["fd09::9", b.local]);
    b.inject(naiveIPv6({ source: "fd09::9", destination: b.local, nextHeader: 58 }, message));
  }
}
