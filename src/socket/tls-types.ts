/** The public types of TLS over a connection. */
import type { Socket } from "./types.ts";

/** Options of `Socket.startTls`. Certificates and keys are PEM texts. */
export interface TlsOptions {
  /**
   * The name that the server's certificate must have, which is also sent to it (SNI). Default: the name that `connect` was given; with an
   * address, the certificate must have that address, and no name is sent.
   */
  readonly sni?: string;
  /** Protocols to offer (ALPN), best first: `["h2", "http/1.1"]`. */
  readonly alpn?: readonly string[];
  /** Certificates to trust, instead of the runtime's. */
  readonly ca?: string | readonly string[];
  /** Our own certificate and its key, for servers that ask for one. */
  readonly cert?: string;
  /** The key of `cert`. */
  readonly key?: string;
  /** False: any certificate will do, so that anybody on the path may read and change everything. For tests. Default true. */
  readonly rejectUnauthorized?: boolean;
}

/** What the TLS handshake has settled. */
export interface TlsInfo {
  /** "TLSv1.3". */
  readonly protocol: string;
  /** The agreed protocol of `alpn`; null if there is none. */
  readonly alpn: string | null;
}

/** A connection under TLS, in WinterTC's shape. */
export interface TlsSocket extends AsyncDisposable {
  /** Resolves after the TLS handshake. Rejects with ConnectionError: EPROTO if TLS failed (a certificate, a protocol), or why the connection did. */
  readonly opened: Promise<TlsInfo>;
  /** As the connection's own `closed`; rejects with EPROTO if TLS failed. */
  readonly closed: Promise<void>;
  /** The peer's octets, decrypted. Ends at its `close_notify`; fails if the connection ends without one. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Closing it ends our direction: a `close_notify`, then the FIN. */
  readonly writable: WritableStream<Uint8Array>;
  /** The connection below, for `info`, `setOptions`, `ref`. Its own streams are taken. */
  readonly socket: Socket;
  /** Ends both directions: what was written is delivered. Never rejects. */
  close(): Promise<void>;
  /** Resets the connection. */
  abort(reason?: unknown): void;
}
