/**
 * `net`, `http`, `dns` and `fetch` of the program, which on a host of a world are those of the host's stack, and everywhere else what they were.
 * The module objects are changed in place, once, because applications keep what they import.
 */
import type { LookupFunction, LookupQuery } from "#node/call-arguments";
import { stackLookup } from "#node/resolve";
import { type Bag, builtin, PROMISIFY, syncImports } from "./globals.ts";
import { serverOver } from "./http-server.ts";
import { type Place, places } from "./place.ts";
import { invalid } from "./world-error.ts";

type Call = (...args: unknown[]) => unknown;
type Class = new (...args: never[]) => object;

/** The host where the code runs; null: none, and no world. @throws WorldError EINVAL in a world, outside of its hosts */
function here(): Place | null {
  const place = places.getStore();
  if (place === undefined) return null;
  if (place.stack !== null) return place;
  throw invalid(
    "which host? Start it with host.start(main), or run it with host.run(work): outside of hosts there is no network",
  );
}

/** A function that is another one on a host. */
const divert = (was: Call, then: (place: Place) => Call): Call =>
  Object.assign(function (this: unknown, ...args: unknown[]) {
    const place = here();
    return place === null ? Reflect.apply(was, this, args) : then(place)(...args);
  }, was);

/** A stream of the process or of a child: Node makes `process.stdout` when it is first used, a `net.Socket` of a descriptor or handle. */
const isOfSystem = ([options]: readonly unknown[]) =>
  typeof options === "object" && options !== null && ("fd" in options || "handle" in options);

/** A class whose instances are another one's on a host; both count as instances. */
function divertClass(was: Class, then: (place: Place) => (args: unknown[]) => object): Class {
  const made = new WeakSet<object>();
  const make = (place: Place, args: unknown[]) => {
    const instance = then(place)(args);
    made.add(instance);
    return instance;
  };
  const diverted: Class = new Proxy(was, {
    construct(target, args, newTarget) {
      const place = newTarget === diverted && !isOfSystem(args) ? here() : null;
      return place === null
        ? Reflect.construct(target, args, newTarget === diverted ? target : newTarget)
        : make(place, args);
    },
    apply(target, self, args) {
      const place = isOfSystem(args) ? null : here();
      return place === null ? Reflect.apply(target as unknown as Call, self, args) : make(place, args);
    },
    get: (target, key) =>
      key === Symbol.hasInstance
        ? (value: object) => value instanceof target || made.has(value)
        : Reflect.get(target, key),
  });
  return diverted;
}

/** The modules that are diverted, by name: what a test runner's module mocks may return where an import has been taken before. */
export const modules: Readonly<Record<string, object>> = diverted();

function diverted(): Record<string, object> {
  const net = builtin("node:net");
  const http = builtin("node:http");
  const dns = builtin("node:dns");
  if (net === undefined || http === undefined || dns === undefined) return {};
  divertNet(net);
  divertHttp(http);
  divertDns(dns);
  set(
    globalThis as unknown as Bag,
    "fetch",
    divert(globalThis.fetch as Call, (place) => place.fetch as Call),
  );
  syncImports();
  const named = { net, http, dns };
  return Object.fromEntries(
    Object.entries(named).flatMap(([name, object]) => [
      [name, object],
      [`node:${name}`, object],
    ]),
  );
}

/** Writes a property that may be a getter's. */
function set(target: Bag, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true });
}

function divertNet(net: Bag): void {
  for (const name of ["connect", "createConnection", "createServer"] as const) {
    set(
      net,
      name,
      divert(net[name] as Call, (place) => place.net![name] as Call),
    );
  }
  const socket = divertClass(net.Socket as Class, (place) => (args) => new place.net!.Socket(...(args as [])));
  set(net, "Socket", socket);
  set(net, "Stream", socket);
  set(
    net,
    "Server",
    divertClass(net.Server as Class, (place) => (args) => new place.net!.Server(...(args as []))),
  );
}

function divertHttp(http: Bag): void {
  const { request, get, createServer, Agent } = http as Record<string, Call> & { Agent: Class };
  const withAgent = (was: Call) =>
    divert(was, (place) => (...args) => {
      const at = typeof args[0] === "string" || args[0] instanceof URL ? 1 : 0;
      const options = typeof args[at] === "object" && args[at] !== null ? (args[at] as Bag) : null;
      if (options?.agent || options?.createConnection) return was(...args);
      const own = {
        ...options,
        agent: options?.agent === false ? new (Agent as unknown as new () => object)() : place.agent,
      };
      return was(...args.slice(0, at), own, ...args.slice(options === null ? at : at + 1));
    });
  set(http, "request", withAgent(request!));
  set(http, "get", withAgent(get!));
  const prototype = Agent.prototype as Bag;
  set(
    prototype,
    "createConnection",
    divert(prototype.createConnection as Call, (place) => place.net!.createConnection as Call),
  );
  set(
    http,
    "createServer",
    divert(
      createServer!,
      (place) =>
        (...args) =>
          serverOver(place.net!, createServer!(...args) as Bag),
    ),
  );
  const server = http.Server as Class;
  set(
    http,
    "Server",
    divertClass(server, (place) => (args) => serverOver(place.net!, Reflect.construct(server, args) as Bag)),
  );
}

/** What `dns.lookup` is asked for: a family, or options. */
function queryOf(options: unknown): LookupQuery {
  const { family = 0, all = false } = (typeof options === "number" ? { family: options } : (options ?? {})) as Bag;
  return { family: family === "IPv4" ? 4 : family === "IPv6" ? 6 : Number(family), hints: 0, all: all === true };
}

function divertDns(dns: Bag): void {
  const lookup = (place: Place) =>
    ((name: string, options: unknown, done: unknown = options) =>
      stackLookup(place.stack!)(name, queryOf(options), done as Parameters<LookupFunction>[2])) as Call;
  const promises = dns.promises as Bag;
  const promised = (place: Place) =>
    ((name: string, options: unknown) =>
      new Promise((resolve, reject) => {
        const query = queryOf(options);
        stackLookup(place.stack!)(name, query, (error, address, family) => {
          if (error) reject(error);
          else resolve(query.all ? address : { address, family });
        });
      })) as Call;
  set(promises, "lookup", divert(promises.lookup as Call, promised));
  set(dns, "lookup", Object.assign(divert(dns.lookup as Call, lookup), { [PROMISIFY]: promises.lookup }));
}
