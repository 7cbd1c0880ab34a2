/** What the runtimes have that is as it was in a world, because it uses no network, or because nothing can be done about it. */

const words = (text: string) => text.trim().split(/\s+/);

/** Modules whose exports are looked at one by one. */
export const MODULES: Readonly<Record<string, readonly string[]>> = {
  net: words(`_normalizeArgs _setSimultaneousAccepts _createServerHandle BlockList SocketAddress isIP isIPv4 isIPv6
    getDefaultAutoSelectFamily setDefaultAutoSelectFamily getDefaultAutoSelectFamilyAttemptTimeout setDefaultAutoSelectFamilyAttemptTimeout`),
  // What servers and agents do with the network they do by net.Server's listen and Agent's createConnection.
  http: words(`_connectionListener METHODS STATUS_CODES Agent ClientRequest IncomingMessage OutgoingMessage Server ServerResponse createServer
    validateHeaderName validateHeaderValue setMaxIdleHTTPParsers setGlobalProxyFromEnv maxHeaderSize globalAgent CloseEvent MessageEvent`),
  https: words("Agent globalAgent Server createServer"),
  tls: words(`CLIENT_RENEG_LIMIT CLIENT_RENEG_WINDOW DEFAULT_CIPHERS DEFAULT_ECDH_CURVE DEFAULT_MIN_VERSION DEFAULT_MAX_VERSION getCiphers rootCertificates
    getCACertificates setDefaultCACertificates convertALPNProtocols checkServerIdentity parseCertString createSecureContext SecureContext Server
    createServer createSecurePair`),
  http2:
    words(`constants createServer createSecureServer getDefaultSettings getPackedSettings getUnpackedSettings performServerHandshake
    sensitiveHeaders Http2ServerRequest Http2ServerResponse ClientHttp2Session`),
  dgram: words("_createSocketHandle"),
  dns: words(`Resolver getDefaultResultOrder setDefaultResultOrder setServers getServers promises ADDRCONFIG ALL V4MAPPED NODATA FORMERR SERVFAIL
    NOTFOUND NOTIMP REFUSED BADQUERY BADNAME BADFAMILY BADRESP CONNREFUSED TIMEOUT EOF FILE NOMEM DESTRUCTION BADSTR BADFLAGS NONAME BADHINTS
    NOTINITIALIZED LOADIPHLPAPI ADDRGETNETWORKPARAMS CANCELLED`),
  cluster:
    words(`isWorker isMaster isPrimary Worker workers settings SCHED_NONE SCHED_RR schedulingPolicy setupPrimary setupMaster disconnect
    _events _eventsCount _maxListeners`),
};

/** Modules of which nothing uses the network of this process. Processes and workers are programs of their own. */
export const OTHERS =
  words(`_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_duplex _stream_passthrough
  _stream_readable _stream_transform _stream_wrap _stream_writable _tls_common _tls_wrap assert assert/strict async_hooks buffer child_process console
  constants crypto diagnostics_channel domain events fs fs/promises inspector inspector/promises module os path path/posix path/win32 perf_hooks process
  punycode querystring readline readline/promises repl stream stream/consumers stream/promises stream/web string_decoder sys timers timers/promises
  trace_events tty url util util/types v8 vm wasi worker_threads zlib dns/promises bun bun:ffi bun:jsc bun:sqlite bun:test node:sqlite undici ws`);

/** Bun's own. */
export const BUN =
  words(`$ Archive ArrayBufferSink Cookie CookieMap CryptoHasher FFI FileSystemRouter Glob Image MD4 MD5 ModuleGraph SHA1 SHA224 SHA256
  SHA384 SHA512 SHA512_256 JSONC JSON5 JSONL markdown TOML XML YAML Transpiler embeddedFiles CSRF allocUnsafe argv build concatArrayBuffers cron color
  deepEquals deepMatch deflateSync dns enableANSIColors env escapeHTML fileURLToPath gc generateHeapSnapshot gunzipSync gzipSync hash indexOfLine
  inflateSync inspect isMainThread isStandaloneExecutable main mmap nanoseconds openInEditor password pathToFileURL peek plugin randomUUIDv7 randomUUIDv5
  readableStreamToArray readableStreamToArrayBuffer readableStreamToBytes readableStreamToBlob readableStreamToFormData readableStreamToJSON
  readableStreamToText resolve resolveSync revision semver sha shrink sliceAnsi sleep sleepSync spawn spawnSync stderr stdin stdout stringWidth stripANSI
  wrapAnsi Terminal unsafe version which secrets zstdCompressSync zstdDecompressSync zstdCompress zstdDecompress`);

/** Bun lets nobody change these, and they use the machine's network: docs/SIM.md says so. */
export const UNCHANGEABLE = ["fetch", "WebView"];
