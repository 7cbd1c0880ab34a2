/**
 * What one ACK says about the path (RS of draft-ietf-ccwg-bbr §4.1.1.3): how fast it delivers, what was lost, how long a round trip takes.
 * Counts are segments, times µs. One object for each kind of ACK processing, valid until the next ACK.
 */
export class RateSample {
  /** Segments delivered over `interval`, which is the longer one of the times in which they were sent and acknowledged; -1: no sample. */
  delivered = -1;
  interval = -1;
  /** Of the segments of this sample: acknowledged with ECE, and lost since the newest of them was sent. */
  deliveredCe = 0;
  lost = 0;
  /** The application, not the path, limited what was sent: the path may be faster. */
  isAppLimited = false;
  /** When the newest segment that this ACK acknowledges was sent: C.delivered, C.delivered_time (-1: there is none), segments in flight. */
  priorDelivered = 0;
  priorDeliveredAt = -1;
  priorLost = 0;
  priorCe = 0;
  sentInFlight = 0;
  /** In which time those segments were sent that this sample counts; and the end of the newest. */
  sendInterval = 0;
  end = 0;
  /** Newly delivered and newly lost by this ACK. */
  acked = 0;
  losses = 0;
  /** Of the newest segment that this ACK acknowledges; -1: unknown. */
  rtt = -1;
  /** Segments in flight before this ACK. */
  priorInFlight = 0;
  /** A lone small segment was acknowledged: the peer may have delayed this ACK. */
  isAckDelayed = false;

  clear(): void {
    this.delivered = this.interval = this.priorDeliveredAt = this.rtt = -1;
    this.deliveredCe = this.lost = this.priorDelivered = this.priorLost = this.priorCe = this.sentInFlight = 0;
    this.sendInterval = this.acked = this.losses = this.priorInFlight = 0;
    this.isAppLimited = this.isAckDelayed = false;
  }
}
