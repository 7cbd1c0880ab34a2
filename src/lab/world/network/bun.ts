/** What Bun has of its own that uses the network. */
import type { NetStack } from "#socket/stack-types";
import { type Bag, builtin } from "../globals.ts";
import { connect, listen } from "./bun-tcp.ts";
import { udpSocket } from "./bun-udp.ts";
import { type Call, divertIn, here, notOfThisWorld, refuseIn, refuseObject, set } from "./divert.ts";

/** What does the same in a world. */
const INSTEAD: Readonly<Record<string, string>> = {
  serve: "a server of node:http or node:https",
  SQL: "a package that uses net, such as pg",
  sql: "a package that uses net, such as pg",
  postgres: "a package that uses net, such as pg",
  RedisClient: "a package that uses net, such as ioredis",
  redis: "a package that uses net, such as ioredis",
  S3Client: "fetch",
  s3: "fetch",
  FetchSession: "fetch",
};

/** Bun's own of the packages of these names: what of them uses the network. */
const PACKAGES: Readonly<Record<string, { readonly names: readonly string[]; readonly instead: string }>> = {
  undici: {
    names: [
      "request stream pipeline connect upgrade fetch".split(" "),
      "Agent Client Pool BalancedPool ProxyAgent EnvHttpProxyAgent RetryAgent WebSocket EventSource".split(" "),
    ].flat(),
    instead: "fetch, or the package by its path: undici/index.js",
  },
  ws: {
    names: ["WebSocket", "WebSocketServer", "Server"],
    instead: "the global WebSocket, or the package by its path: ws/lib/websocket.js, ws/lib/websocket-server.js",
  },
};

/** @returns Bun's modules that have the names of packages */
export function divertBun(bun: Bag): Record<string, object> {
  for (const [name, instead] of Object.entries(INSTEAD)) refuseObject(bun, name, `Bun.${name}`, instead);
  for (const name of ["file", "write"] as const) refuseBuckets(bun, name);
  divertIn(
    bun,
    "connect",
    ({ stack }) =>
      (options) =>
        connect(stack, options),
  );
  divertIn(
    bun,
    "listen",
    ({ stack }) =>
      (options) =>
        listen(stack, options),
  );
  divertIn(
    bun,
    "udpSocket",
    ({ stack }) =>
      (options) =>
        udpSocket(stack, options),
  );
  const dns = bun.dns as Bag;
  for (const name of Object.keys(dns)) {
    if (name === "lookup")
      divertIn(dns, name, ({ stack }) => ((host: string, options?: Bag) => lookup(stack, host, options)) as Call);
    else if (/^(?:resolve|reverse|prefetch|lookupService)/.test(name))
      refuseIn(dns, name, `Bun.dns.${name}`, "dns.lookup or dns.resolve4 of Node");
  }
  refuseIn(globalThis.fetch as unknown as Bag, "preconnect", "fetch.preconnect", "fetch");
  const found: Record<string, object> = {};
  for (const [name, { names, instead }] of Object.entries(PACKAGES)) {
    const module = builtin(name);
    if (module === undefined) continue;
    for (const each of names) refuseIn(module, each, `${name}.${each} of Bun`, instead);
    found[name] = module;
  }
  return found;
}

/** Files of S3: "s3://bucket/name". */
function refuseBuckets(bun: Bag, name: "file" | "write"): void {
  const was = bun[name] as Call;
  set(bun, name, (...args: unknown[]) => {
    const isBucket = typeof args[0] === "string" && args[0].startsWith("s3:");
    if (isBucket && here() !== null) throw notOfThisWorld(`Bun.${name} of a bucket`, "fetch");
    return was(...args);
  });
}

/** `Bun.dns.lookup`. */
async function lookup(stack: NetStack, host: string, options: Bag = {}): Promise<object[]> {
  const family = options.family === "IPv4" ? 4 : options.family === "IPv6" ? 6 : Number(options.family ?? 0);
  const all = (await stack.resolve(host)).map((address) => ({
    address,
    family: address.includes(":") ? 6 : 4,
    ttl: 0,
  }));
  return all.filter((each) => family === 0 || each.family === family);
}
