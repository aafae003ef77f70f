// What the server will make of a text, at once: how long each platform finds it, where it becomes too long, and
// what in it is a link, mention or tag. socialcore/text/rules.py has the same, and has the last word.
import { countGraphemes, eachGrapheme } from './graphemes.js';
import { blueskyLinks, blueskyMarks, shortened, shownLink } from './bluesky.js';
import { webLinks } from './links.js';
import { fittingWeight, weigh, xMarks } from './twitter.js';

const escaped = (text) => text.length + 4 * occurrences(text, /&/g) + 3 * occurrences(text, /[<>]/g);
const occurrences = (text, pattern) => text.match(pattern)?.length ?? 0;

function utf8Length(text) {
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    length += unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit >> 11 === 0x1b ? 2 : 3; // half a pair: two of its four
  }
  return length;
}

const LENGTHS = {
  bluesky: (text) => countGraphemes(shortened(text)),
  'bluesky-bytes': (text) => utf8Length(shortened(text)),
  x: weigh,
  slack: escaped,
  google: (text) => text.length,
};

// How large what cannot be cut is: a grapheme, and on Bluesky a link.
const SIZES = { bluesky: countGraphemes, 'bluesky-bytes': utf8Length, slack: escaped, google: (text) => text.length };

export function lengthBy(rule, text) {
  return LENGTHS[rule](text);
}

// The offset behind which a text is too long.
export function fittingBy(rule, text, most) {
  if (rule === 'x') return fittingWeight(text, most);
  const sizeOf = SIZES[rule];
  let [fits, size, done] = [0, 0, 0];
  const take = (end, amount) => {
    size += amount;
    if (size <= most) fits = end;
  };
  for (const { start, end } of [...(rule.startsWith('bluesky') ? blueskyLinks(text) : []), { start: text.length, end: -1 }]) {
    const [from, plain] = [done, text.slice(done, start)];
    let before = 0;
    eachGrapheme(plain, (at) => {
      take(from + at, sizeOf(plain.slice(before, at)));
      before = at;
    });
    if (end > start) take(end, sizeOf(shownLink(text.slice(start, end))));
    done = end;
  }
  return fits;
}

const MARKS = { bluesky: blueskyMarks, x: xMarks, web: webLinks };

// Marks of a reader ("bluesky", "x" or "web"), in order and apart; `isSomebody` decides about mentions on Bluesky.
export function marksBy(reader, text, isSomebody = () => true) {
  let done = 0;
  return MARKS[reader](text).filter(({ start, end, kind, handle }) => {
    const kept = start >= done && !(kind === 'mention' && handle && !isSomebody(handle));
    if (kept) done = end;
    return kept;
  });
}
