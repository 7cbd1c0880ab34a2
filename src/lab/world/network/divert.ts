/** Functions and classes of modules that on a host of a world are those of the host's stack, and where no world runs what they were. */
import { type Bag, isInstalled } from "../globals.ts";
import { type Network, places } from "../place.ts";
import { invalid, WorldError } from "../world-error.ts";

export type Call = (...args: unknown[]) => unknown;
export type Class = new (...args: never[]) => object;

/**
 * The network of the host where the code runs; null: no world runs, and the system's network is meant.
 * @throws WorldError EINVAL in a world, outside of its hosts: the system's network must not be used unnoticed
 */
export function here(): Network | null {
  const place = places.getStore();
  if (place === undefined && !isInstalled()) return null;
  if (place !== undefined && place.network !== null) return place.network;
  throw invalid(
    "which host? Start it with host.start(main), or run it with host.run(work): outside of hosts there is no network",
  );
}

/** @param instead what does the same in a world: "a server of node:http" */
export function notOfThisWorld(what: string, instead: string): WorldError {
  return new WorldError("ENOTSUP", `${what} would use this machine's network, not the world's: use ${instead}`);
}

/** Writes a property that may be a getter's, or that can be written but not defined. */
export function set(target: Bag, name: PropertyKey, value: unknown): void {
  if (Object.getOwnPropertyDescriptor(target, name)?.configurable === false) target[name] = value;
  else Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true });
}

/** A function that is another one on a host. */
export const divert = (was: Call, then: (network: Network, self: unknown) => Call): Call =>
  Object.assign(function (this: unknown, ...args: unknown[]) {
    const network = here();
    return network === null ? Reflect.apply(was, this, args) : then(network, this)(...args);
  }, was);

/** Replaces a function of a module, if it is there. */
export function divertIn(target: Bag, name: string, then: (network: Network, self: unknown) => Call): void {
  const was = target[name];
  if (typeof was === "function") set(target, name, divert(was as Call, then));
}

/** What a module's function says on a host, if it is there. */
export function refuseIn(target: Bag, name: string, what: string, instead: string): void {
  const was = target[name];
  if (typeof was !== "function") return;
  const refusing = divertClass(was as unknown as Class, () => {
    throw notOfThisWorld(what, instead);
  });
  set(target, name, refusing);
}

/** The same for objects with methods, and for functions that have some, such as Bun.sql. */
export function refuseObject(target: Bag, name: string, what: string, instead: string): void {
  const was = target[name];
  if ((typeof was !== "object" || was === null) && typeof was !== "function") return;
  const refuse = () => {
    if (here() !== null) throw notOfThisWorld(what, instead);
  };
  const refusing: object = new Proxy(was, {
    apply(call, self, args) {
      refuse();
      return Reflect.apply(call as Call, self, args);
    },
    construct(made, args, like) {
      refuse();
      return Reflect.construct(made as Class, args, like === refusing ? (made as Class) : like);
    },
    get(object, key) {
      const value = Reflect.get(object, key);
      if (typeof value !== "function" || key === "prototype" || key === "constructor") return value;
      return function (this: unknown, ...args: unknown[]) {
        refuse();
        return Reflect.apply(value, this === refusing ? object : this, args);
      };
    },
  });
  set(target, name, refusing);
}

let isAsStream = false;

/**
 * Calls something of a runtime for which a connection of a stack must be a stream and no `net.Socket`: of those, Node's TLS and Bun's HTTP take the
 * system's handle.
 */
export function asStream<T>(call: () => T): T {
  const before = isAsStream;
  isAsStream = true;
  try {
    return call();
  } finally {
    isAsStream = before;
  }
}

/** What else may be said of a class that is diverted. */
interface ClassOptions {
  /** The other class, if its instances are also made elsewhere. */
  readonly own?: Class;
  /** Whether these arguments make an instance that uses no network. */
  readonly isLocal?: (args: readonly unknown[]) => boolean;
}

/**
 * A class whose instances are another one's on a host; both count as instances. A function that is no class may be given as well.
 * @param then makes the instance on a host
 */
export function divertClass(
  was: Class,
  then: (network: Network, args: unknown[]) => object,
  options: ClassOptions = {},
): Class {
  const { own = null, isLocal } = options;
  const made = new WeakSet<object>();
  const make = (args: unknown[]) => {
    const network = isLocal?.(args) ? null : here();
    if (network === null) return null;
    const instance = then(network, args);
    made.add(instance);
    return instance;
  };
  const diverted: Class = new Proxy(was, {
    construct: (target, args, newTarget) =>
      newTarget === diverted
        ? (make(args) ?? Reflect.construct(target, args))
        : Reflect.construct(target, args, newTarget),
    apply: (target, self, args) =>
      // The constructor of a class of the old kind calls that of its base.
      (isOf(target, self) ? null : make(args)) ?? Reflect.apply(target as unknown as Call, self, args),
    get: (target, key) =>
      key === Symbol.hasInstance
        ? (value: object) =>
            !isAsStream && (isOf(target, value) || made.has(value) || (own !== null && value instanceof own))
        : Reflect.get(target, key),
  });
  return diverted;
}

const isOf = (target: Class, value: unknown) => typeof target.prototype === "object" && value instanceof target;
