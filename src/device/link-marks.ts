import { type Mark, mark } from "#base/mark";

/** Why a link dropped a packet, and what else it did to one. `NO_DROP` is the verdict "taken". */
export const NO_DROP: Mark = 0;

export const LINK_OFFERED = mark("link.offered", "packets handed to the link");
export const LINK_DELIVERED = mark("link.delivered", "delivered at the other end, including duplicates");

export const LINK_LOSS = mark("link.loss", "lost at random");
export const LINK_LOSS_NTH = mark("link.loss-nth", "lost by its number (loss nth)");
export const LINK_QUEUE_FULL = mark(
  "link.queue-full",
  "dropped at the tail: the queue in front of the transmitter is full",
);
export const LINK_CODEL = mark("link.codel", "dropped by CoDel: the queue is too long (RFC 8289)");
export const LINK_TOO_BIG = mark("link.too-big", "larger than the link's MTU");
export const LINK_DOWN = mark("link.down", "the link was down");
export const LINK_STORAGE = mark("link.storage", "dropped: the link model has no room for more packets");
/** All marks of dropped packets, to compute totals. */
export const LINK_DROPS: readonly Mark[] = [
  LINK_LOSS,
  LINK_LOSS_NTH,
  LINK_QUEUE_FULL,
  LINK_CODEL,
  LINK_TOO_BIG,
  LINK_DOWN,
  LINK_STORAGE,
];

export const LINK_DUPLICATED = mark("link.duplicated", "delivered twice");
export const LINK_CORRUPTED = mark("link.corrupted", "one bit flipped on the wire");
export const LINK_REORDERED = mark("link.reordered", "overtook the packets before it");
export const LINK_MARKED = mark("link.ce-marked", "set to Congestion Experienced instead of dropped (RFC 3168)");
