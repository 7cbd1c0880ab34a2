/** RFC 6298 with the smallest RTO that Linux, FreeBSD and tcpnet have: what the sender's timer probably is. */

/** RFC 6298 (2.1). */
const FIRST = 1_000_000;
/** Of 4 RTTVAR, µs. */
const VARIANCE_MIN = 200_000;

export class RtoEstimate {
  srtt = 0;
  rttvar = 0;
  rto = FIRST;

  sample(trip: number): void {
    if (this.srtt === 0) {
      this.srtt = trip;
      this.rttvar = trip / 2;
    } else {
      this.rttvar += (Math.abs(this.srtt - trip) - this.rttvar) / 4;
      this.srtt += (trip - this.srtt) / 8;
    }
    this.rto = this.srtt + Math.max(VARIANCE_MIN, 4 * this.rttvar);
  }
}
