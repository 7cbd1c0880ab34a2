/** The dashboard of chaos: a link without a stack of ours at its ends. */
import { linksText } from "#device/link-text";
import type { Chaos } from "#lab/chaos/chaos";
import { type Controlled, control } from "#lab/chaos/control";
import { traceFile } from "../link-control.ts";
import type { Voice } from "../voice.ts";
import { wayOf } from "./sample.ts";
import { canWatch, Watch } from "./watch.ts";

interface About {
  readonly link: Controlled;
  readonly seed: number;
}

/** Null without a terminal that has the room: then there is a summary on SIGUSR1 and at the end. */
export function watchChaos(chaos: Chaos, [a, b]: readonly [string, string], about: About, voice: Voice): Watch | null {
  if (voice.manner !== "plain" || !canWatch()) return null;
  return new Watch({
    title: `tcpnet chaos ${a} ${b}`,
    note: `seed ${about.seed}`,
    hasStack: false,
    now: () => voice.now(),
    ends: () => [],
    link: () => ({
      words: linksText(chaos.profiles),
      names: [`${a} > ${b}`, `${b} > ${a}`],
      ways: [wayOf(chaos.a.outgoing), wayOf(chaos.b.outgoing)],
    }),
    change: (line) => control(about.link, line, traceFile),
    whyNoKeys: "",
  });
}
