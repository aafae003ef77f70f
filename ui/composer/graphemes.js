// Graphemes of Unicode 17, as the server counts them. Browsers bring an Intl.Segmenter of another Unicode each.
// Source: Unicode Standard Annex 29; the properties are those of the package the server counts with.
import { GRAPHEMES } from './tables.js';

const [CR, LF, CONTROL, EXTEND, ZWJ, REGIONAL, PREPEND, SPACING, L, V, T, LV, LVT] = Array.from({ length: 13 }, (_, i) => i + 1);
const [BREAK, PICTOGRAPHIC, CONSONANT, LINKER] = [0x0f, 0x10, 0x20, 0x40]; // bits of a code point's properties
const BITS = {
  Control: CONTROL, Extend: EXTEND, Prepend: PREPEND, SpacingMark: SPACING, L, V, T,
  Pictographic: PICTOGRAPHIC, Consonant: CONSONANT, Linker: LINKER,
};

export function ranges(spelled) {
  return spelled.split(',').map((range) => {
    const [first, last] = range.split('-').map((code) => parseInt(code, 16));
    return [first, last ?? first];
  });
}

// Spell ranges of code points for use inside a pattern's brackets; the pattern needs the flag u.
export function characterClass(spelled) {
  const point = (code) => `\\u{${code.toString(16)}}`;
  return ranges(spelled).map(([first, last]) => `${point(first)}-${point(last)}`).join('');
}

const properties = new Uint8Array(0xe1000); // whatever is behind has none
for (const [name, spelled] of Object.entries(GRAPHEMES)) {
  if (!BITS[name]) continue;
  for (const [first, last] of ranges(spelled)) {
    for (let code = first; code <= last; code += 1) properties[code] |= BITS[name];
  }
}
for (let code = 0xac00; code < 0xd7a4; code += 1) properties[code] |= (code - 0xac00) % 28 ? LVT : LV;
for (let code = 0x1f1e6; code <= 0x1f1ff; code += 1) properties[code] |= REGIONAL;
[[0x0d, CR], [0x0a, LF], [0x200d, ZWJ]].forEach(([code, kind]) => { properties[code] |= kind; });

function joins(before, after, seen) {
  if (before === CR) return after === LF;
  if (before === LF || before === CONTROL || after === CR || after === LF || after === CONTROL) return false;
  if (after === EXTEND || after === ZWJ || after === SPACING || before === PREPEND) return true;
  if (before === L) return after === L || after === V || after === LV || after === LVT;
  if (before === LV || before === V) return after === V || after === T;
  if (before === LVT || before === T) return after === T;
  return before === REGIONAL && after === REGIONAL && seen.letters % 2 === 1;
}

// Call `found(end)` with the offset at which each grapheme ends.
export function eachGrapheme(text, found) {
  // letters: of flags, in a row; emoji: 1 after a pictographic and its marks, 2 after a joiner behind them;
  // conjunct: 1 after a consonant and its marks, 2 if a linker was among them.
  const seen = { letters: 0, emoji: 0, conjunct: 0 };
  let before = 0;
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at);
    const known = code < properties.length ? properties[code] : 0;
    const after = known & BREAK;
    const whole = (seen.emoji === 2 && known & PICTOGRAPHIC) || (seen.conjunct === 2 && known & CONSONANT);
    if (at > 0 && !whole && !joins(before, after, seen)) found(at);
    seen.letters = after === REGIONAL ? seen.letters + 1 : 0;
    if (known & PICTOGRAPHIC) seen.emoji = 1;
    else if (!(seen.emoji === 1 && after === EXTEND)) seen.emoji = seen.emoji === 1 && after === ZWJ ? 2 : 0;
    if (known & CONSONANT) seen.conjunct = 1;
    else if (known & LINKER) seen.conjunct = seen.conjunct && 2;
    else if (!((after === EXTEND && code !== 0x200c) || after === ZWJ)) seen.conjunct = 0;
    before = after;
    at += code > 0xffff ? 2 : 1;
  }
  if (text.length) found(text.length);
}

export function countGraphemes(text) {
  let count = 0;
  eachGrapheme(text, () => { count += 1; });
  return count;
}
