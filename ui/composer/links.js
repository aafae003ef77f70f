// Links as the server finds them. Patterns and offsets are over UTF-16 units.
import { MOST_DOMAIN } from './tables.js';

// Web addresses with their scheme: socialcore/text/web_links.py.
const WEB = /(?<!\w)https?:\/\/[^ \t\n\r\f\v<>"]+/gi;
const AFTER = /[.,;:!?'*_~`]+$/;

export function webLinks(text) {
  return [...text.matchAll(WEB)].flatMap((match) => {
    const whole = match[0].replace(AFTER, '');
    let [end, surplus] = [whole.length, whole.split(')').length - whole.split('(').length];
    for (; surplus > 0 && whole[end - 1] === ')'; surplus -= 1) end -= 1;
    const link = whole.slice(0, end).replace(AFTER, '');
    return link.endsWith('://') ? [] : [{ start: match.index, end: match.index + link.length, kind: 'link' }];
  });
}

// The parts of a web address: socialcore/text/urls.py, except that the host is spelled by the browser, whose
// tables of domains are the standard's own. Null where the server would not take it for an address either.
const ADDRESS = /^(https?):[/\\]*([^/\\?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;
const HERE = /^(?:\.|%2e)$/i;
const UP = /^(?:\.|%2e){2}$/i;
const utf8 = new TextEncoder();

export function parseAddress(link) {
  const url = link.replace(/^[\0- ]+|[\0- ]+$/g, '').replace(/[\t\n\r]/g, '');
  const [, scheme, authority, path, query, fragment] = ADDRESS.exec(url.toWellFormed()) ?? [];
  if (scheme === undefined) return null;
  const host = hostOf(scheme, authority.slice(authority.lastIndexOf('@') + 1));
  if (!host) return null;
  return {
    host,
    path: pathOf(path),
    query: query ? `?${percent(query, ' "#<>\'')}` : '',
    fragment: fragment ? `#${percent(fragment, ' "<>`')}` : '',
  };
}

function hostOf(scheme, host) {
  if ([...host].length > MOST_DOMAIN) return null;
  try {
    return new URL(`${scheme}://${host}/`).host; // the slash keeps what it would strip from the end
  } catch {
    return null; // what the text has there is no host
  }
}

function pathOf(path) {
  const given = path.replaceAll('\\', '/').split('/').slice(1);
  if (!given.length) given.push('');
  const segments = [];
  for (const segment of given) {
    if (UP.test(segment)) segments.pop();
    else if (!HERE.test(segment)) segments.push(percent(segment, ' "#<>?`{}'));
  }
  const last = given.at(-1);
  if (HERE.test(last) || UP.test(last)) segments.push('');
  return `/${segments.join('/')}`;
}

function percent(text, signs) {
  return text.replace(/./gsu, (character) => {
    if (character >= ' ' && character <= '~' && !signs.includes(character)) return character;
    return [...utf8.encode(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  });
}
