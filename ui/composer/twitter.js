// Text as X reads it: socialcore/text/twitter*.py, which say why.
import { EMOJI, X_DIGITS, X_LETTERS, X_TLDS } from './tables.js';
import { characterClass, eachGrapheme } from './graphemes.js';

const LINK_WEIGHT = 23;
const EMOJI_WEIGHT = 2;
const [MOST_URL, MOST_LABEL, MOST_SLUG] = [4096, 63, 40];
const INVALID = '\\ufffe\\ufeff\\uffff';
const DIRECTIONAL = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
const SPACE = '\\t-\\r \\x85\\xa0\\u1680\\u180e\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const SCRIPT_SPACE = '\\t-\\r \\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff';
const PUNCTUATION = "!'#%&()*+,\\\\./:;<=>?@\\[\\]^{|}~$";
const LATIN = '\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\u024f\\u0253\\u0254\\u0256\\u0257\\u0259\\u025b\\u0260\\u0263\\u0268\\u0269\\u026f\\u0272'
  + '\\u0275\\u0280\\u0283\\u0288-\\u028c\\u0292\\u02bb\\u0300-\\u036f\\u0399\\u03b9\\u1e00-\\u1eff\\u1fbe\\u2c65\\u2c66\\u2c7e\\u2c7f\\ua7dc';
const LATIN_IN_TAGS = '\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\u024f\\u0253\\u0254\\u0256\\u0257\\u0259\\u025b\\u0263\\u0268\\u026f\\u0272'
  + '\\u0289\\u028b\\u02bb\\u0300-\\u036f\\u1e00-\\u1eff';
const CYRILLIC = '\\u0400-\\u04ff\\u1c80-\\u1c87';

const LABEL = new RegExp(`[^${PUNCTUATION}${SPACE}${INVALID}${DIRECTIONAL}]+`, 'g');
const BEFORE_LINK = new RegExp(`[^A-Za-z0-9@＠$#＃${INVALID}]`);
const PUNYCODE = /[xX][nN]--[-0-9A-Za-z]+/y;
const PATH = `[A-Za-z${CYRILLIC}0-9!*';:=+,.$\\/%#\\[\\]\\-\\u2013_~@|&${LATIN}]`;
const PARENS = `\\((?:${PATH}+|${PATH}*\\(${PATH}+\\)${PATH}*)\\)`;
const PATH_END = `(?:[+\\-A-Za-z${CYRILLIC}0-9=_#\\/${LATIN}]|${PARENS})`;
const QUERY = "\\?[A-Za-z0-9!?*'@();:&=+$\\/%#\\[\\]\\-_.,~|]*[A-Za-z0-9\\-_&=#\\/]";
const AFTER_DOMAIN = new RegExp(
  `(?::[0-9]+)?(\\/(?:${PATH}*(?:${PARENS}${PATH}*)*${PATH_END}|@${PATH}+\\/)*)?(?:${QUERY})?`,
  'y',
);
const TCO = new RegExp(`^https?:\\/\\/t\\.co\\/([a-z0-9]+)(?:${QUERY})?`, 'i');
const names = X_TLDS.map(upper).sort((a, b) => b.length - a.length);
const TLD = `(?:${names.join('|')})(?![0-9a-zA-Z@+-])`;
const KNOWN_TLD = new RegExp(TLD, 'y');
const LATIN_DOMAIN = new RegExp(`(?:[-A-Z0-9${LATIN}]+\\.)+(?:${TLD}|${PUNYCODE.source})`, 'g');

function matched(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

// One for one, and no other becomes ASCII.
function upper(text) {
  return text.replace(/[^\x00-\x60\x7b-\x7f]/g, (unit) => {
    const big = unit.toUpperCase();
    return big.length === 1 && (unit <= '\x7f' || big > '\x7f') ? big : unit;
  });
}

export function xLinks(units) {
  const found = [];
  if (!units.includes('.')) return found;
  let done = 0;
  for (const label of labels(units)) {
    const domain = domainAt(units, label, done);
    if (!domain) continue;
    const after = matched(AFTER_DOMAIN, units, domain.end);
    done = domain.end + after[0].length;
    if (!mayBeUrl(units, domain, done)) continue;
    if (domain.start > domain.linkStart) found.push(...withScheme(units.slice(domain.linkStart, done), domain.linkStart));
    else found.push(...bare(units, domain, after[1] === undefined ? null : done));
  }
  return found;
}

function labels(units) {
  const found = [];
  for (const run of units.matchAll(LABEL)) {
    const dot = run.index + run[0].length;
    const start = dot - run[0].replace(/^[_-]+/, '').length;
    if (start < dot && !'_-'.includes(units[dot - 1]) && units[dot] === '.') {
      found.push({ start, dot, tldEnd: tldEnd(units, dot + 1), end: null });
    }
  }
  for (let i = found.length - 1; i >= 0; i -= 1) {
    const [label, following] = [found[i], found[i + 1]];
    if (following && following.start === label.dot + 1 && following.end) label.end = following.end;
    else if (!units.slice(label.start, label.dot).includes('_')) label.end = label.tldEnd;
  }
  return found;
}

function domainAt(units, label, done) {
  if (label.dot < done) return null;
  let [lowest, end] = [label.start, label.end];
  if (!end) {
    if (!label.tldEnd) return null;
    [lowest, end] = [units.lastIndexOf('_', label.dot - 1) + 1, label.tldEnd];
  }
  const scheme = schemeBefore(units, label.start);
  const linkStart = label.start - scheme;
  if (scheme && label.end && (linkStart === 0 || (linkStart > done && BEFORE_LINK.test(units[linkStart - 1])))) {
    return { linkStart, start: label.start, end };
  }
  const start = firstStart(units, lowest, label.dot, done);
  return start === null ? null : { linkStart: start, start, end };
}

function firstStart(units, lowest, dot, done) {
  if (lowest === 0 && done === 0) return dot > 1 && BEFORE_LINK.test(units[0]) && !'_-'.includes(units[1]) ? 1 : 0;
  for (let at = Math.max(lowest - 1, done); at < dot - 1; at += 1) {
    if (BEFORE_LINK.test(units[at]) && !'_-'.includes(units[at + 1])) return at + 1;
  }
  return null;
}

function schemeBefore(units, start) {
  const scheme = ['https://', 'http://'].find((each) => units.slice(Math.max(start - each.length, 0), start).toLowerCase() === each);
  return scheme ? scheme.length : 0;
}

function mayBeUrl(units, domain, end) {
  const schemeLength = domain.start - domain.linkStart || 'https://'.length;
  if (schemeLength + end - domain.linkStart > MOST_URL) return false;
  const name = units.slice(domain.start, domain.end);
  if (name.startsWith('xn--') && upper(name).search(LATIN_DOMAIN) < 0) return false;
  return name.split('.').every((label) => {
    const length = punycodeLength(label);
    return length >= 1 && length <= MOST_LABEL;
  });
}

function punycodeLength(label) {
  if (label.length > 2 * MOST_LABEL) return label.length;
  const parts = label.split(/[\u3002\uff0e\uff61]/);
  return parts.map((part) => (/^[\0-\x7f]*$/.test(part) ? part.length : 4 + punycode(part))).reduce((a, b) => a + b + 1);
}

// How long the Punycode of a label is; Source: RFC 3492, 6.3.
function punycode(label) {
  const points = Array.from(label, (character) => character.codePointAt(0));
  const basic = points.filter((point) => point < 128).length;
  let [length, n, delta, bias, handled] = [basic && basic + 1, 128, 0, 72, basic];
  while (handled < points.length) {
    const next = Math.min(...points.filter((point) => point >= n));
    delta += (next - n) * (handled + 1);
    n = next;
    for (const point of points) {
      if (point < n) delta += 1;
      if (point === n) {
        length += digits(delta, bias);
        bias = adapted(delta, handled + 1, handled === basic);
        delta = 0;
        handled += 1;
      }
    }
    delta += 1;
    n += 1;
  }
  return length;
}

function digits(delta, bias) {
  let [count, rest] = [1, delta];
  for (let k = 36; ; k += 36) {
    const threshold = Math.min(Math.max(k - bias, 1), 26);
    if (rest < threshold) return count;
    rest = Math.floor((rest - threshold) / (36 - threshold));
    count += 1;
  }
}

function adapted(delta, length, first) {
  let rest = Math.floor(delta / (first ? 700 : 2));
  rest += Math.floor(rest / length);
  let k = 0;
  for (; rest > 455; k += 36) rest = Math.floor(rest / 35);
  return k + Math.floor((36 * rest) / (rest + 38));
}

function withScheme(url, start) {
  const tco = TCO.exec(url);
  if (tco && tco[1].length > MOST_SLUG) return [];
  return [{ start, end: start + (tco ? tco[0].length : url.length), length: tco ? tco[0].length : url.length }];
}

function bare(units, domain, pathEnd) {
  if (domain.start && '-_./'.includes(units[domain.start - 1])) return [];
  const name = units.slice(domain.start, domain.end);
  const found = [];
  let done = 0;
  for (const match of upper(name).matchAll(LATIN_DOMAIN)) {
    const latin = name.slice(match.index, match.index + match[0].length);
    const start = name.indexOf(latin, done);
    done = start + latin.length;
    found.push({ start: domain.start + start, end: domain.start + done, length: latin.length });
  }
  if (found.length && pathEnd) {
    const last = found.at(-1);
    last.length += pathEnd - domain.end;
    last.end = pathEnd;
  }
  return found;
}

const longest = names[0].length;
function tldEnd(units, start) {
  const match = matched(KNOWN_TLD, upper(units.slice(start, start + longest + 1)), 0);
  if (match) return start + match[0].length;
  const coded = matched(PUNYCODE, units, start);
  return coded ? start + coded[0].length : null;
}

// Mentions, hashtags and cashtags.
const MENTION = /(?:[^a-zA-Z0-9_!#$%&*@＠]|^|(?:^|[^a-zA-Z0-9_+~.-])(?:rt|RT|rT|Rt):?)([@＠][a-zA-Z0-9_]{1,20}(?:\/[a-zA-Z][a-zA-Z0-9_-]{0,24})?)/g;
const NO_MENTION = new RegExp(`[@＠${LATIN_IN_TAGS}]|:\\/\\/`, 'y');
const NO_HASHTAG = /[#＃]|:\/\//y;
const CASHTAG = new RegExp(
  `(?:^|[${SPACE}])(\\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?)(?=$|[${SCRIPT_SPACE}${PUNCTUATION}_\\-])`,
  'g',
);
const LETTER = characterClass(X_LETTERS);
const WORD = `[${LETTER}${characterClass(X_DIGITS)}_\\u200c\\u200d\\ua67e\\u05be\\u05f3\\u05f4\\uff5e\\u301c\\u309b\\u309c\\u30a0\\u30fb\\u3003\\u0f0b\\u0f0c\\xb7]`;
const HASHTAG = new RegExp(
  `(?:^|[\\ufe0e\\ufe0f]|(?!${WORD})[^&\\ud800-\\udfff])([#＃](?!\\ufe0f|\\u20e3)${WORD}*[${LETTER}]${WORD}*)`,
  'gu',
);

export function xMarks(text) {
  const found = [
    ...xLinks(text).map(({ start, end }) => ({ start, end, kind: 'link' })),
    ...tags(text, MENTION, NO_MENTION, 'mention'),
    ...tags(text, HASHTAG, NO_HASHTAG, 'tag'),
    ...tags(text, CASHTAG, null, 'tag'),
  ].sort((a, b) => a.start - b.start);
  const kept = [];
  for (const mark of found) if (!kept.length || kept.at(-1).end <= mark.start) kept.push(mark);
  return kept;
}

function tags(text, pattern, unless, kind) {
  return [...text.matchAll(pattern)].flatMap((match) => {
    const end = match.index + match[0].length;
    return unless && matched(unless, text, end) ? [] : [{ start: end - match[1].length, end, kind }];
  });
}

// Weights.
const LIGHT = /[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]/;
const REFUSED = new RegExp(`[${INVALID}]`);
const sequences = EMOJI.map((line) => line.split(' '));
const FIRST = sequences.map(([place]) => characterClass(place)).join('');
const SEQUENCE = sequences
  .map((places) => places.map((place) => (place === '!FE0E' ? '(?!\\ufe0e)' : `[${characterClass(place)}]`)).join(''))
  .join('|');
const ONE_EMOJI = new RegExp(`(?=[${FIRST}])(?:${SEQUENCE})`, 'gu');

const isLow = (text, at) => text.charCodeAt(at) >> 10 === 0x37;
const splitsPair = (text, at) => at > 0 && isLow(text, at) && text.charCodeAt(at - 1) >> 10 === 0x36;

// Call `found(end, weight)` for each link, emoji and other character of a normalised text.
function eachPiece(normal, found) {
  const ends = new Map();
  for (const match of normal.matchAll(ONE_EMOJI)) ends.set(match.index, [match.index + match[0].length, EMOJI_WEIGHT]);
  for (const { start, length } of xLinks(normal)) {
    const from = splitsPair(normal, start) ? start - 1 : start;
    const end = start + length;
    ends.set(from, splitsPair(normal, end) ? [end + 1, LINK_WEIGHT + 2] : [end, LINK_WEIGHT]);
  }
  for (let at = 0; at < normal.length;) {
    const [end, weight] = ends.get(at)
      ?? [at + (normal.codePointAt(at) > 0xffff ? 2 : 1), LIGHT.test(normal[at]) ? 1 : 2];
    if (found(end, weight) === false) return;
    at = end;
  }
}

export function weigh(text) {
  let total = 0;
  eachPiece(text.normalize('NFC'), (_, weight) => { total += weight; });
  return total;
}

// Where what X takes ends.
export function fittingWeight(text, most) {
  const normal = text.normalize('NFC');
  const refused = normal.search(REFUSED);
  let [fits, total] = [0, 0];
  eachPiece(normal, (end, weight) => {
    total += weight;
    if (total > most || (refused >= 0 && end > refused)) return false;
    fits = end;
    return true;
  });
  return normal === text ? fits : beforeNormalising(text, fits);
}

function beforeNormalising(text, fits) {
  let [done, left, kept] = [0, fits, 0];
  eachGrapheme(text, (end) => {
    left -= text.slice(done, end).normalize('NFC').length;
    done = end;
    if (left >= 0) kept = end;
  });
  return kept;
}
