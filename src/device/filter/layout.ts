/**
 * The table that the filter's program and this process share. All words are in the machine's byte order, times are ns of CLOCK_MONOTONIC. Offsets
 * are in octets.
 */
import { KINDS, SYN_KINDS } from "#ip/flood-filter";

/** 64 bits: until when some kind is limited. 0 or in the past: everything passes. */
export const ANY_UNTIL = 0;
export const KEY0 = 8;
export const KEY1 = 12;
export const SOURCE_KEY = 16;
/** Packets per second of a kind that pass while it is limited. */
export const RATE = 20;
/** 64 bits: ns between two of them. */
export const INTERVAL = 24;
/** 64 bits: how far a kind may be ahead of its rate, ns. */
export const TOLERANCE = 32;

/** A record for each kind. */
export const LIMITS = 64;
export const LIMIT_SIZE = 32;
/** 64 bits each: until when the kind is limited; when its next packet would be due (the theoretical arrival time of GCRA). */
export const UNTIL = 0;
export const DUE = 8;
/** 32 bits: packets dropped. */
export const DROPPED = 16;
/** 32 bits: packets that passed and may not have been read yet. */
export const PASSED = 20;

/** The sources whose SYNs pass: 32 bits each, at the place that `SynFlood` gives them. 0: none. */
export const SOURCES = 0x4000;
export const SOURCES_SHIFT = 13;

/** How many connections, listeners and sources have a hash with these last bits: 32 bits each. */
export const FLOWS = 0x10000;
export const FLOWS_SHIFT = 18;

export const TABLE_SIZE = FLOWS + (4 << FLOWS_SHIFT);

/** Packets of a kind that pass at once after a pause. */
export const BURST = 128;

/**
 * Packets of a limited kind that may wait to be read: while the stack waits for a processor, a flood takes only this part of the device's queue of
 * 2,000, and SYNs of clients find room.
 */
export const UNREAD_MAX = 256;

if (LIMITS + (KINDS + SYN_KINDS) * LIMIT_SIZE > SOURCES) throw new Error("the limits overlap the sources");
