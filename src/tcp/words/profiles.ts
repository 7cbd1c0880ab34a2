import type { TcpParams } from "./params.ts";
import { NO_QUIRKS } from "./quirks.ts";

/**
 * The letter of RFC 9293 (and of RFC 7323, 5681, 5961 around it) where the default, which is Linux', does otherwise:
 * parameters for `connect`, `listen` and `createStack`.
 */
export const RFC9293: Readonly<Partial<TcpParams>> = {
  ...NO_QUIRKS,
  tolerateMissingTimestamps: false,
};
