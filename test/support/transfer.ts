import { SECOND } from "#base/time";
import { parseLinks } from "#device/link-words";
import { type TransferOptions, type TransferResult, transfer } from "#lab/sim/transfer";
import type { TcpSettings } from "#tcp/words/params";

/** Buffers that never limit. */
const BUFFER = 64 << 20;

export interface Run extends Partial<Omit<TransferOptions, "link" | "params" | "time">> {
  readonly link: string;
  /** Virtual seconds. */
  readonly time?: number;
  readonly params?: TcpSettings;
}

/** One flow for a minute without any limit but the link's, unless said otherwise. */
export function simulate({ link, time = 60, params, ...rest }: Run): TransferResult {
  return transfer({
    seed: 1,
    mtu: 1500,
    family: 4,
    flows: 1,
    direction: "there",
    bytes: Number.POSITIVE_INFINITY,
    time: time * SECOND,
    stalls: [],
    link: parseLinks(link),
    params: [{ sendBuffer: BUFFER, receiveBuffer: BUFFER, receiveBufferMax: BUFFER, ...params }],
    ...rest,
  });
}
