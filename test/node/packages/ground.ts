/** Two stacks on a wire, and the packages that are tried over it. */
import { createRequire } from "node:module";
import { pair } from "#device/pair";
import { type NodeNet, nodeNet } from "#node/net";
import { createStack } from "#socket/create-stack";
import type { NetStack } from "#socket/stack-types";

/** What a case gets. */
export interface Ground {
  /** The side that serves: its stack, its `net` and its address. */
  readonly stack: NetStack;
  readonly net: NodeNet;
  readonly host: string;
  /** The side that connects. */
  readonly peerStack: NetStack;
  readonly peer: NodeNet;
  /** A package by its path in node_modules, since Bun has modules of its own for some names. */
  load<T>(path: string): T;
  /** Unix sockets of real servers, where they run: "postgres", "redis". */
  readonly servers: Readonly<Record<string, string>>;
  readonly key: string;
  readonly cert: string;
}

/** A package with its client or its server on a stack of ours. */
export interface Case {
  /** As in docs/NODE.md. */
  readonly name: string;
  /** The real server that it needs. */
  readonly needs?: string;
  run(ground: Ground): Promise<void>;
}

export async function ground(
  folder: string,
  servers: Readonly<Record<string, string>>,
  certificate: { readonly key: string; readonly cert: string },
): Promise<Ground> {
  const [a, b] = pair({ queueLength: 5_000 });
  const limits = { memory: 16 << 20 };
  const stack = await createStack({ device: a, address: "10.0.0.7/24", limits });
  const peerStack = await createStack({ device: b, address: "10.0.0.5/24", limits });
  const require = createRequire(`${folder}/package.json`);
  return {
    stack,
    net: nodeNet(stack),
    host: "10.0.0.7",
    peerStack,
    peer: nodeNet(peerStack),
    load: <T>(path: string) => require(`${folder}/node_modules/${path}`) as T,
    servers,
    ...certificate,
  };
}
