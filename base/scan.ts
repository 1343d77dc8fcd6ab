/**
 * Looks through octets for the few that matter. Content goes through here three
 * times on its way, for the framing of DATA on both sides and for octets above
 * 127: taken octet by octet that was a third of what a large message cost, so
 * four are read as one integer and tested at once. Nothing here fails.
 *
 * @module
 */
import { CR } from "./bytes.ts";

/** The top bit of each of four octets. */
const TOP_BITS = 0x80808080;
/** CR + 1 in each of four octets. */
const ABOVE_CR = 0x0e0e0e0e;

/** A view of octets to pass over. Make one for many calls: making it costs as much as passing over a line. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the next octet from `at` on is that is not above CR, and so may be part of a line end; the length when there is none. */
export function nextUpToCr(view: DataView, at: number): number {
  const end = view.byteLength;
  let i = at;
  while (i + 4 <= end) {
    const four = view.getInt32(i, true);
    // An octet b has its top bit in b - 14 and not in b only when b < 14; as long as none is, none
    // borrows from its neighbour, so "none" is exact, and which one it is comes out below.
    if (((four - ABOVE_CR) & ~four & TOP_BITS) !== 0) break;
    i += 4;
  }
  while (i < end && view.getUint8(i) > CR) i++;
  return i;
}

/** Whether octets above 127 are among these. */
export function hasEightBit(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  const end = bytes.length;
  let i = 0;
  for (; i + 4 <= end; i += 4) if ((view.getInt32(i, true) & TOP_BITS) !== 0) return true;
  for (; i < end; i++) if (bytes[i]! > 127) return true;
  return false;
}
