/** What the buffers count, and how much of them is offered as a window (RFC 9293 §3.8.6). */
export interface Buffering {
  /** What `sendBuffer` limits: payload, exactly; or the memory that Linux's send queue would use, checked once per piece. */
  readonly sendBufferCounts: "payload" | "memory";
  /**
   * What `receiveBuffer` limits: payload; or, as in Linux, twice that figure in memory that the received segments use. Small segments use
   * up the memory long before their payload does; they are then copied together, and dropped if that does not help.
   */
  readonly receiveBufferCounts: "payload" | "memory";
  /** The window of a SYN is a whole number of segments, later ones follow the free space in Linux's steps (tcp_select_window). */
  readonly linuxWindow: boolean;
  /** Buffers are rounded up to whole segments when the connection opens (FreeBSD): 65,536 octets become 45 segments of 1,460. */
  readonly wholeSegmentBuffers: boolean;
}

const rfc9293: Buffering = Object.freeze({
  sendBufferCounts: "payload",
  receiveBufferCounts: "payload",
  linuxWindow: false,
  wholeSegmentBuffers: false,
});

export const BUFFERING = {
  rfc9293,
  linux: Object.freeze<Buffering>({ ...rfc9293, linuxWindow: true }),
  freebsd: Object.freeze<Buffering>({ ...rfc9293, wholeSegmentBuffers: true }),
} as const;
