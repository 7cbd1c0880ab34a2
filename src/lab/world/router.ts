import type { Router } from "../sim/router.ts";
import type { WorldRouter } from "./types.ts";

/** A router of a world: it forwards between its links in no time. */
export class VirtualRouter implements WorldRouter {
  readonly name: string;
  readonly router: Router;

  constructor(router: Router) {
    this.name = router.name;
    this.router = router;
  }

  /** How often each thing has happened, by name: "router.forwarded", "router.ttl" … */
  counters(): Record<string, number> {
    return this.router.counters.snapshot();
  }
}
