import type { LinkObserver } from "./link.ts";

/** One observer for two; undefined: there is none yet. */
export function joinObservers(first: LinkObserver | undefined | null, second: LinkObserver): LinkObserver {
  if (first === undefined || first === null) return second;
  return {
    onLink(at, mark, view, o, n, id) {
      first.onLink(at, mark, view, o, n, id);
      second.onLink(at, mark, view, o, n, id);
    },
    onTransmit(waited) {
      first.onTransmit?.(waited);
      second.onTransmit?.(waited);
    },
  };
}
