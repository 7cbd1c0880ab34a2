/** Where the IP packet begins in a captured frame (https://www.tcpdump.org/linktypes.html). */

export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_LINUX_SLL2 = 276;

/** Raw IP: DLT_RAW of two systems, LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6. */
const RAW: ReadonlySet<number> = new Set([12, 14, 101, 228, 229]);

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** IEEE 802.1Q, 802.1ad, and what was used for QinQ before. */
const TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
const ETHERTYPE_MPLS = 0x8847;
const ETHERTYPE_PPPOE = 0x8864;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
const TAGS_MAX = 8;

export const NO_IP = -1;
export const UNKNOWN_LINK = -2;

/** The offset of the IP header; NO_IP: another protocol, or cut before it; UNKNOWN_LINK. */
export function ipOffset(linkType: number, v: DataView, o: number, kept: number): number {
  if (RAW.has(linkType)) return o;
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return afterType(v, o + 12, o + kept);
    case LINKTYPE_LINUX_SLL:
      return afterType(v, o + 14, o + kept);
    case LINKTYPE_LINUX_SLL2:
      return kept < 20 ? NO_IP : afterSll2(v, o, o + kept);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      // The numbers of IPv6 differ between systems; the version in the IP header does not.
      return kept > 4 ? o + 4 : NO_IP;
    default:
      return UNKNOWN_LINK;
  }
}

/** The EtherType is at the beginning, and the payload after the header of 20 octets. */
function afterSll2(v: DataView, o: number, end: number): number {
  const type = v.getUint16(o);
  if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return o + 20;
  return TAGS.has(type) ? afterType(v, o + 22, end) : NO_IP;
}

/** @param at where the EtherType is */
function afterType(v: DataView, at: number, end: number): number {
  for (let tags = 0; tags < TAGS_MAX && at + 2 <= end; tags++) {
    const type = v.getUint16(at);
    if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return at + 2;
    if (type === ETHERTYPE_MPLS) return afterLabels(v, at + 2, end);
    if (type === ETHERTYPE_PPPOE) {
      if (at + 10 > end) return NO_IP;
      const ppp = v.getUint16(at + 8);
      return ppp === PPP_IPV4 || ppp === PPP_IPV6 ? at + 10 : NO_IP;
    }
    if (!TAGS.has(type)) return NO_IP;
    at += 4;
  }
  return NO_IP;
}

/** MPLS: the last label has the bottom-of-stack bit (RFC 3032 §2.1). */
function afterLabels(v: DataView, at: number, end: number): number {
  while (at + 4 <= end) {
    const isLast = (v.getUint8(at + 2) & 1) !== 0;
    at += 4;
    if (isLast) return at;
  }
  return NO_IP;
}
