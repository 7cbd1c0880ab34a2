import type { Offload } from "#device/device";
import { pair as joined, type PairDevice, type PairOptions } from "#device/pair";
import { checkObject, invalid, type Kind, whole } from "./checks.ts";

const PAIR = {
  names: "an array of texts",
  mtu: "a number",
  queueLength: "a number",
  offload: "an object",
} satisfies Record<keyof PairOptions, Kind>;

const OFFLOAD = {
  checksum: "true or false",
  tso4: "true or false",
  tso6: "true or false",
} satisfies Record<keyof Offload, Kind>;

/** Two devices joined in memory: packets that one transmits are copied to the other, in order. @throws CallError EINVAL. */
export function pair(options: PairOptions = {}): [PairDevice, PairDevice] {
  checkObject("pair's argument", options, PAIR, "{ mtu: 1500 }");
  const { names, mtu, queueLength, offload } = options;
  if (names !== undefined && names.length !== 2) {
    const number = `${names.length} text${names.length === 1 ? "" : "s"}`;
    throw invalid(`names must be those of both ends, such as ["a", "b"], not ${number}`);
  }
  if (mtu !== undefined) whole("mtu", mtu, 68, 65_535);
  if (queueLength !== undefined) whole("queueLength", queueLength, 1, 1 << 20);
  if (offload !== undefined) checkOffload(offload);
  return joined(options);
}

function checkOffload(offload: Offload): void {
  checkObject("offload", offload, OFFLOAD, "FULL_OFFLOAD");
  for (const name of Object.keys(OFFLOAD) as (keyof Offload)[]) {
    if (offload[name] === undefined)
      throw invalid(`offload needs ${name}, true or false: use FULL_OFFLOAD or NO_OFFLOAD`);
  }
}
