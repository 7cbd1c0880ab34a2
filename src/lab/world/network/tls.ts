/** `node:tls` and `node:http2`, which take any stream as their connection. */
import { isIP } from "#node/ip";
import type { Bag } from "../globals.ts";
import type { Network } from "../place.ts";
import { asStream, type Call, type Class, divertClass, divertIn, set } from "./divert.ts";

/** `tls.connect(options, callback)`, `(port, host, options, callback)`. */
function tlsArguments(args: readonly unknown[]): { options: Bag; done: unknown[] } {
  const done = typeof args.at(-1) === "function" ? [args.at(-1)] : [];
  const rest = args.slice(0, args.length - done.length);
  const given = rest.find((each) => typeof each === "object" && each !== null) as Bag | undefined;
  const [port, host] = typeof rest[0] === "object" ? [] : rest;
  return {
    options: { ...(port === undefined ? {} : { port }), ...(typeof host === "string" ? { host } : {}), ...given },
    done,
  };
}

/** The connection under TLS or HTTP/2. */
function carrier({ net }: Network, options: Bag): object {
  const { host, port, path, lookup, localAddress, localPort, family } = options;
  return net.connect({ host: host ?? "localhost", port, path, lookup, localAddress, localPort, family });
}

export function divertTls(tls: Bag): void {
  const connect = tls.connect as Call;
  divertIn(tls, "connect", (network) => (...args) => {
    const { options, done } = tlsArguments(args);
    if (options.socket) return asStream(() => connect(options, ...done));
    const { host = "localhost" } = options;
    const servername = options.servername ?? (isIP(host) === 0 ? host : "");
    const socket = carrier(network, options);
    return asStream(() => connect({ ...options, host, servername, socket, path: undefined }, ...done));
  });
}

/** `new tls.TLSSocket(socket)` of a program. */
export function divertTlsSocket(tls: Bag): void {
  const TlsSocket = tls.TLSSocket as Class;
  set(
    tls,
    "TLSSocket",
    divertClass(TlsSocket, (_, args) => asStream(() => Reflect.construct(TlsSocket, args))),
  );
}

export function divertHttp2(http2: Bag, tls: Bag): void {
  const connect = http2.connect as Call;
  divertIn(http2, "connect", (network) => (authority, options, ...done) => {
    const given = (typeof options === "object" && options !== null ? options : {}) as Bag;
    const rest = typeof options === "function" ? [options] : done;
    if (given.createConnection) return connect(authority, given, ...rest);
    const createConnection = (url: URL) => {
      const isSecure = url.protocol === "https:";
      const host = url.hostname.replace(/^\[|\]$/g, "");
      const port = url.port || (isSecure ? 443 : 80);
      if (!isSecure) return carrier(network, { host, port });
      return (tls.connect as Call)({ ALPNProtocols: ["h2"], ...given, host, port });
    };
    return connect(authority, { ...given, createConnection }, ...rest);
  });
}
