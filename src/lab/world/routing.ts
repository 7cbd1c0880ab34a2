/** The ways through a world: the fewest links; among equals, the link that was made first. */

import type { SimNode } from "../sim/node.ts";
import type { Router } from "../sim/router.ts";
import type { Wire } from "../sim/wire.ts";

/** An end of links. */
export interface Vertex {
  readonly node: SimNode | Router;
  /** With the lengths of their prefixes, all of their bits: none for a router. */
  readonly prefixes: readonly string[];
  /** In the order in which they were made. Hosts forward nothing. */
  readonly edges: { readonly wire: Wire; readonly to: Vertex }[];
  readonly forwards: boolean;
}

/** Sets the routes of each vertex to all others. */
export function route(vertices: Iterable<Vertex>): void {
  for (const from of vertices) {
    const { routes } = from.node;
    routes.clear();
    for (const [to, wire] of firstWires(from)) for (const prefix of to.prefixes) routes.add(prefix, wire);
  }
}

/** By where it leads: the wire to take. */
function firstWires(from: Vertex): Map<Vertex, Wire> {
  const found = new Map<Vertex, Wire>();
  let reached: readonly (readonly [Vertex, Wire | null])[] = [[from, null]];
  while (reached.length > 0) {
    const next: (readonly [Vertex, Wire | null])[] = [];
    for (const [vertex, first] of reached) {
      if (vertex !== from && !vertex.forwards) continue;
      for (const { wire, to } of vertex.edges) {
        if (to === from || found.has(to)) continue;
        found.set(to, first ?? wire);
        next.push([to, first ?? wire]);
      }
    }
    reached = next;
  }
  return found;
}
