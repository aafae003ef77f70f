// Characters that nobody sees and that change how a text is read, found or cut.
const NAMES = {
  '\u00ad': 'soft hyphen', '\u061c': 'Arabic letter mark', '\u180e': 'Mongolian vowel separator', '\u200b': 'zero-width space',
  '\u200c': 'zero-width non-joiner', '\u200d': 'zero-width joiner', '\u200e': 'left-to-right mark', '\u200f': 'right-to-left mark',
  '\u2028': 'line separator', '\u2029': 'paragraph separator', '\u2060': 'word joiner', '\u3164': 'Hangul filler',
  '\u115f': 'Hangul filler', '\u1160': 'Hangul filler', '\uffa0': 'Hangul filler', '\ufeff': 'zero-width no-break space',
};
// Joiners belong into emoji and into many scripts: behind Latin letters, signs and spaces they are a trick or a slip.
const HIDDEN = new RegExp(
  '[\\u00ad\\u061c\\u115f\\u1160\\u180e\\u200b\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0'
    + '\\ufff9-\\ufffb\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]'
    + '|(?<=^|[\\u0000-\\u024f\\u2000-\\u206f])[\\u200c\\u200d]',
  'g',
);
const MOST = 200;

export function hidden(text) {
  return text.match(HIDDEN) ? [...text.matchAll(HIDDEN)].slice(0, MOST).map(({ 0: character, index }) => ({
    start: index, end: index + 1, kind: 'hidden', says: NAMES[character] ?? named(character),
  })) : [];
}

function named(character) {
  if (/[\u202a-\u202e\u2066-\u2069]/.test(character)) return 'direction override';
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}
