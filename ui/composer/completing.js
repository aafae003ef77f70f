// Completes what stands behind an @ or a #: a list under the words, of which the text field stays in command.
const MOST = 8;
const PAUSE = 250; // ms without a key before the server is asked whose handle begins so
const WORD = /(?:^|[\s(])([@＠][a-zA-Z0-9._-]*|[#＃][^\s#＃]*)$/;

// What fits to the word before the caret: { from, sign, word, options }, or null if there is none to complete.
export function candidates(before, { mentions, tags, found }) {
  const match = WORD.exec(before.slice(-120));
  if (!match) return null;
  const [sign, word] = [match[1][0], match[1].slice(1).toLowerCase()];
  const people = sign === '@' || sign === '＠';
  const asked = people && found?.prefix === word ? found.handles : [];
  const known = people
    ? [...mentions, ...asked].map(([handle, detail]) => ({ name: `@${handle}`, detail, words: `@${handle}`, key: handle }))
    : tags.map(([name, all]) => {
      const words = all.map((tag) => `#${tag}`).join(' ');
      return all.length === 1 ? { name: words, detail: '', words, key: all[0] } : { name, detail: words, words, key: name };
    });
  const alike = ({ key, detail }) => {
    if (key.toLowerCase().startsWith(word)) return 2;
    return `${key} ${detail}`.toLowerCase().includes(word) ? 1 : 0;
  };
  const seen = new Set();
  const options = known
    .filter(({ words }) => !seen.has(words) && seen.add(words))
    .map((option) => ({ ...option, rank: word ? alike(option) : 2 }))
    .filter(({ rank, words }) => rank && words.slice(1).toLowerCase() !== word)
    .sort((a, b) => b.rank - a.rank)
    .slice(0, MOST);
  return { from: before.length - match[1].length, sign: people ? '@' : '#', word, options };
}

export function completion(field) {
  const { area, copy, list, say } = field;
  let [now, chosen, timer] = [null, -1, 0];

  const isOpen = () => !list.hidden;
  const mark = () => {
    [...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === chosen)));
    const option = list.children[chosen];
    if (option) area.setAttribute('aria-activedescendant', option.id);
    else area.removeAttribute('aria-activedescendant');
    option?.scrollIntoView({ block: 'nearest' });
  };
  const close = () => {
    clearTimeout(timer);
    list.hidden = true;
    list.replaceChildren();
    area.removeAttribute('aria-activedescendant');
    area.removeAttribute('aria-controls');
    if (now && say.textContent.includes('suggestion')) say.textContent = '';
    now = null;
  };

  const place = (at) => {
    const box = list.parentElement.getBoundingClientRect();
    const here = caret(copy, at).getBoundingClientRect();
    const left = Math.min(here.left - box.left, box.width - list.offsetWidth - 1);
    list.style.left = `${Math.max(left, 0)}px`;
    list.style.top = `${here.bottom - box.top + 4}px`;
  };

  const show = () => {
    list.replaceChildren(...now.options.map(({ name, detail }, i) => {
      const option = document.createElement('li');
      Object.assign(option, { id: `choice-${i}`, role: 'option' });
      option.append(Object.assign(document.createElement('b'), { textContent: name }));
      if (detail) option.append(Object.assign(document.createElement('span'), { textContent: detail }));
      option.onclick = () => take(i);
      option.onpointermove = () => { chosen = i; mark(); };
      return option;
    }));
    list.hidden = false;
    area.setAttribute('aria-controls', 'choices');
    place(now.from);
    mark();
    const number = now.options.length;
    const words = `${number} suggestion${number === 1 ? '' : 's'}, arrow keys to choose.`;
    if (say.textContent !== words) say.textContent = words;
  };

  const take = (i) => {
    const { words } = now.options[i];
    const [{ from }, to] = [now, area.selectionEnd];
    const space = /^\s/.test(area.value.slice(to)) ? '' : ' ';
    close();
    field.replace(from, to, words + space);
  };

  const ask = () => {
    clearTimeout(timer);
    const { suggestions } = field.data;
    if (now?.sign !== '@' || now.word.length < 2 || !suggestions.asks || suggestions.found?.prefix === now.word) return;
    const { word } = now;
    timer = setTimeout(() => field.set('asked', { prefix: word, times: 0 }), PAUSE);
  };

  const update = () => {
    const { selectionStart: start, selectionEnd: end } = area;
    const composing = field.composing || start !== end;
    const next = composing ? null : candidates(area.value.slice(0, start), field.data.suggestions);
    const word = now && next && now.from === next.from && now.word === next.word;
    const before = word ? now.options[chosen]?.words : null;
    now = next;
    if (!next?.options.length) {
      list.hidden = true;
      list.replaceChildren();
      area.removeAttribute('aria-activedescendant');
      area.removeAttribute('aria-controls');
    } else {
      // A handle must be somebody's, so one is proposed; a tag may be any word, so none is.
      const kept = next.options.findIndex(({ words }) => words === before);
      chosen = kept >= 0 ? kept : next.sign === '@' ? 0 : -1;
      show();
    }
    ask();
  };

  // Whether a key was meant for the list.
  const takes = (event) => {
    if (!isOpen() || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
    const last = now.options.length - 1;
    const move = (to) => { chosen = to < 0 ? last : to > last ? 0 : to; mark(); };
    const keys = {
      ArrowDown: () => move(chosen + 1),
      ArrowUp: () => move(chosen < 0 ? last : chosen - 1),
      Enter: chosen >= 0 && (() => take(chosen)),
      Tab: () => take(Math.max(chosen, 0)),
      Escape: close,
    };
    if (!keys[event.key] || event.shiftKey) return false;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
    return true;
  };

  // An answer has come, or says that it is still on its way.
  const answered = () => {
    const { found } = field.data.suggestions;
    if (!now || now.sign !== '@' || found?.prefix !== now.word || now.told === found) return;
    now.told = found;
    if (found.done) update();
    else if (found.times < 4) timer = setTimeout(() => field.set('asked', { prefix: found.prefix, times: found.times + 1 }), PAUSE * 2 ** found.times);
  };

  list.onmousedown = (event) => event.preventDefault(); // also of a tap: the text keeps the focus
  area.setAttribute('aria-autocomplete', 'list');
  return { update, close, takes, answered };
}

// A place in the copy under the text, which is laid out as the text is.
function caret(copy, at) {
  const range = document.createRange();
  const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  let left = at;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (left < node.length) {
      range.setStart(node, left);
      range.setEnd(node, left + 1);
      return range;
    }
    left -= node.length;
  }
  range.selectNodeContents(copy);
  range.collapse(false);
  return range;
}
