// Text as Bluesky reads it: socialcore/text/bluesky.py, which says why.
import { GRAPHEMES, MOST_REST, MOST_TAG, TLDS } from './tables.js';
import { characterClass, countGraphemes } from './graphemes.js';
import { parseAddress } from './links.js';

const SPACE = '\\t-\\r \\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff';
const INVISIBLE = '\\xad\\u200b-\\u200d\\u2060\\u20e2';
const PUNCTUATION = characterClass(GRAPHEMES.Punctuation);
const OPEN = `(?<![^${SPACE}(])`;
const MENTION = new RegExp(`${OPEN}@([a-zA-Z0-9.\\-]+)\\b`, 'g');
const LINK = new RegExp(
  `${OPEN}(?:https?:\\/\\/[^${SPACE}]+|([a-z][a-z0-9]*(?:\\.[a-z0-9]+)+)[^${SPACE}]*)`,
  'gi',
);
const CASHTAG = new RegExp(`${OPEN}\\$[a-zA-Z][a-zA-Z0-9]{0,4}(?=[${SPACE}.,;:!?)"'\\u2019]|$)`, 'g');
const TAG = new RegExp(
  `(?<![^${SPACE}])[#＃](?!\\ufe0f)(?=[^${SPACE}${INVISIBLE}]*?[^${SPACE}${INVISIBLE}0-9${PUNCTUATION}])`
    + `([^${SPACE}${INVISIBLE}]*[^${SPACE}${INVISIBLE}${PUNCTUATION}])`,
  'gu',
);
const tlds = new Set(TLDS);

function hasTld(domain) {
  const dot = domain.lastIndexOf('.');
  return dot >= 0 && tlds.has(domain.slice(dot + 1));
}

function withoutClosing(link) {
  const open = '.,;:!?'.includes(link.at(-1)) ? link.slice(0, -1) : link;
  return open.endsWith(')') && !open.includes('(') ? open.slice(0, -1) : open;
}

export function blueskyLinks(text) {
  return [...text.matchAll(LINK)].flatMap((match) => {
    const shown = withoutClosing(match[0]);
    const known = shown.startsWith('http') || hasTld(match[1] ?? '');
    return known ? [{ start: match.index, end: match.index + shown.length, kind: 'link' }] : [];
  });
}

// Mentions carry the handle: whether it is anybody's, only the server can say.
export function blueskyMarks(text) {
  const found = [
    ...[...text.matchAll(MENTION)]
      .filter(([, handle]) => hasTld(handle) || handle.endsWith('.test'))
      .map((match) => ({ ...span(match, 'mention'), handle: match[1] })),
    ...blueskyLinks(text),
    ...[...text.matchAll(TAG)].filter(([, tag]) => countGraphemes(tag) <= MOST_TAG).map((match) => span(match, 'tag')),
    ...[...text.matchAll(CASHTAG)].map((match) => span(match, 'tag')),
  ];
  return found.sort((a, b) => a.start - b.start);
}

function span(match, kind) {
  return { start: match.index, end: match.index + match[0].length, kind };
}

// How a link is shown, and so counted.
export function shownLink(link) {
  const address = parseAddress(link);
  if (!address) return link;
  const rest = (address.path === '/' ? '' : address.path) + address.query + address.fragment;
  return address.host + (rest.length <= MOST_REST ? rest : `${rest.slice(0, MOST_REST - 2)}...`);
}

export function shortened(text) {
  let [shorter, done] = ['', 0];
  for (const { start, end } of blueskyLinks(text)) {
    shorter += text.slice(done, start) + shownLink(text.slice(start, end));
    done = end;
  }
  return shorter + text.slice(done);
}
