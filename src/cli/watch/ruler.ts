/** The send window as a ruler: what is in flight, what arrived beyond a hole, what may be sent, and how far the peer's window reaches. */
import type { TcpInfo } from "#tcp/machine/info";
import type { Signs } from "./row.ts";

export interface Ruler {
  readonly cells: string;
  /** Octets sent and not acknowledged, SACKed ones among them. */
  readonly outstanding: number;
  readonly holes: number;
  /** Octets that may be sent now. */
  readonly open: number;
  /** Whether the peer's window reaches beyond the ruler. */
  readonly isCut: boolean;
}

export function ruler(info: TcpInfo, width: number, signs: Signs): Ruler {
  const outstanding = Math.max(0, info.sendQueue - info.notSent);
  const edge = info.sndWnd;
  // cwnd counts what is in the network: what has arrived beyond a hole makes room for more.
  const may = Math.max(outstanding, Math.min(edge, outstanding + Math.max(0, info.cwnd - info.inFlight)));
  // A peer that offers megabytes would leave no column for what is in flight.
  const span = Math.max(1, Math.min(Math.max(edge, may), 2 * Math.max(may, info.mss)));
  let cells = "";
  for (let i = 0; i < width; i++) {
    const at = ((i + 0.5) / width) * span;
    if (at >= Math.max(edge, may)) cells += " ";
    else if (at >= may) cells += signs.beyond;
    else if (at >= outstanding) cells += signs.open;
    else cells += arrivedAt(info, at) ? signs.arrived : signs.flight;
  }
  return {
    cells,
    outstanding,
    holes: holesOf(info),
    open: may - outstanding,
    isCut: edge > span,
  };
}

function arrivedAt({ sackedRanges }: TcpInfo, at: number): boolean {
  return sackedRanges.some(([from, to]) => at >= from && at < to);
}

/** Gaps before and between SACKed ranges. */
function holesOf({ sackedRanges }: TcpInfo): number {
  const [first] = sackedRanges;
  if (first === undefined) return 0;
  return sackedRanges.length - (first[0] > 0 ? 0 : 1);
}
