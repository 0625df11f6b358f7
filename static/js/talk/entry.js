/**
 * One entry of the record: a message or a change of status.
 *
 * @typedef {object} Entry
 * @property {number} id counts from 1
 * @property {"status" | "sent" | "received"} kind
 * @property {number} time in milliseconds since 1970
 * @property {string} text
 * @property {string | null} [log] the text in the article's log, if it differs; null for none
 * @property {string | ArrayBuffer} [data] of a message
 * @property {number} [bytes] size of a message
 * @property {number} [clock] `performance.now()` of a message, so that setting the computer's
 *     clock cannot change a round trip
 * @property {"waiting" | "received" | "none"} [reply] state of the reply to a sent message; missing
 *     while it is unknown whether the server replies
 * @property {number} [roundTrip] milliseconds until the reply to a sent message
 * @property {Entry} [replyTo] the sent message that a received one replies to
 */

/** Number of entries kept: more than anyone reads, few enough for a phone. */
export const MAX_ENTRIES = 1000;

/** The mark before an entry of each kind. */
export const MARKS = { status: "###", sent: ">>>", received: "<<<" };
