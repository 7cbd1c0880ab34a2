import addresses from "./addresses.ts";
import connecting from "./connecting.ts";
import datagrams from "./datagrams.ts";
import ending from "./ending.ts";
import fetching from "./fetching.ts";
import fetchingEnds from "./fetching-ends.ts";
import type { Behaviour } from "./ground.ts";
import odds from "./odds.ts";
import reading from "./reading.ts";
import serving from "./serving.ts";
import timeouts from "./timeouts.ts";
import writing from "./writing.ts";

/** Every behaviour of `net`, `fetch` and `dgram` that is compared. */
export const BEHAVIOURS: readonly Behaviour[] = [
  ...addresses,
  ...connecting,
  ...reading,
  ...writing,
  ...ending,
  ...timeouts,
  ...serving,
  ...fetching,
  ...fetchingEnds,
  ...datagrams,
  ...odds,
];
