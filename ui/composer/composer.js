// The live text field: sends what is typed, loses none of it, draws counts and marks. What the server found about a
// text is drawn as it is; while the text is newer, what the rules shared by all fields of a page (shared.js) find.
const PAUSE = 100; // ms without a key before the text is sent
const PATIENCE = 5000; // ms without an answer before it is sent again
const NEAR = 0.9; // share of a limit from which its count is drawn as a warning
const LONG = 20000; // a text longer than this is counted in a pause, not at every key
const shared = () => globalThis[Symbol.for('composer.shared')];
const states = new WeakMap();

function element(tag, name, text = '') {
  const el = document.createElement(tag);
  el.className = name;
  el.textContent = text;
  return el;
}

function button(words, press) {
  const el = element('button', '', words);
  el.type = 'button';
  el.onclick = press;
  return el;
}

// Marks may overlap, so the text is cut wherever one begins or ends and each piece carries all of its kinds.
function pieces(text, marks) {
  const edges = new Set([0, text.length, ...marks.flatMap(({ start, end }) => [start, end])]);
  const cuts = [...edges].filter((at) => at >= 0 && at <= text.length).sort((a, b) => a - b);
  const open = new Set();
  const [opens, closes] = [Map.groupBy(marks, ({ start }) => start), Map.groupBy(marks, ({ end }) => end)];
  return cuts.slice(0, -1).map((start, i) => {
    closes.get(start)?.forEach((mark) => open.delete(mark));
    opens.get(start)?.forEach((mark) => mark.end > start && open.add(mark));
    const piece = text.slice(start, cuts[i + 1]);
    return open.size ? element('span', [...open].map(({ kind }) => kind).join(' '), piece) : piece;
  });
}

function counted({ name, colour, used, most, unit, detail, stale }) {
  const li = document.createElement('li');
  const number = (n) => n.toLocaleString('en');
  li.dataset.level = used > most ? 'over' : used > NEAR * most ? 'near' : 'fits';
  li.classList.toggle('stale', stale);
  li.style.setProperty('--p', `var(--c${colour})`);
  li.style.setProperty('--w', `${Math.min(100, (100 * used) / most)}%`);
  const amount = element('span', 'n', number(used));
  amount.append(element('span', 'of', ` / ${number(most)} ${unit}`));
  const rest = used > most ? `${number(used - most)} too long` : detail;
  const track = element('span', 'track');
  track.append(element('span', 'fill'));
  li.append(element('span', 'name', name), amount, track);
  if (rest) li.append(element('span', used > most ? 'n' : 'detail', rest));
  return li;
}

// Of several limits of one platform, the one that is the nearest.
function nearest(counts) {
  const fullest = (a, b) => (b.used / b.most > a.used / a.most ? b : a);
  return [...Map.groupBy(counts, ({ name }) => name).values()].map((same) => same.reduce(fullest));
}

// What is not saved yet outlives a reload of the tab, together with the texts it was to replace.
const shelf = {
  place: ({ key }) => `composer:${key}`,
  put(data, kept) {
    try {
      sessionStorage.setItem(this.place(data), JSON.stringify(kept));
    } catch (error) {
      console.warn(`What you write would not outlive a reload of this tab: ${error.message}`);
    }
  },
  look(data) {
    try {
      return JSON.parse(sessionStorage.getItem(this.place(data)));
    } catch {
      return null; // a browser that allows no storage keeps nothing
    }
  },
  clear(data) {
    if (this.look(data)) sessionStorage.removeItem(this.place(data));
  },
};

function begin(root) {
  const find = (selector) => root.querySelector(selector);
  const [area, copy, counts, hints, say] = ['textarea', '.marks', '#counts', '.hints', '.say'].map(find);
  // One object outlives the runs, so a timer set in an earlier run sends through the newest.
  const state = { area, copy, say, list: find('#choices'), shift: new Map(), somebody: new Map(), offer: null };
  const text = () => area.value.toWellFormed(); // half an emoji cannot be stored

  state.send = (again = false) => {
    clearTimeout(state.timer);
    if (text() === state.sent && !again) return;
    state.sent = text();
    state.times = again ? state.times + 1 : 0;
    state.set('written', { rev: state.rev, text: state.sent, times: state.times });
    // A lost connection takes what was sent with it, and does not say so.
    clearTimeout(state.waiting);
    const patience = PATIENCE * 2 ** Math.min(state.times, 4);
    state.waiting = setTimeout(() => { if (state.data.text !== state.sent) state.send(true); }, patience);
  };

  state.changed = () => {
    state.touched = true;
    state.paint();
    shelf.put(state.data, { text: text(), instead: [state.data.text, state.sent] });
    clearTimeout(state.timer);
    state.timer = setTimeout(() => state.send(), PAUSE);
    state.completion?.update();
  };

  // Put words in place of a stretch, as if typed, so that they can be undone.
  state.replace = (from, to, words) => {
    area.focus();
    area.setSelectionRange(from, to);
    if (!document.execCommand(words ? 'insertText' : 'delete', false, words)) {
      area.setRangeText(words, from, to, 'end');
      area.dispatchEvent(new Event('input'));
    }
  };

  state.paint = () => {
    clearTimeout(state.later);
    const now = text();
    const fresh = now === state.data.text;
    const light = now.length <= LONG;
    if (!fresh && !light) state.later = setTimeout(() => state.draw(now, false, true), PAUSE);
    state.draw(now, fresh, light);
  };

  state.draw = (now, fresh, exact) => {
    const { data } = state;
    const rules = exact ? shared()?.rules : undefined;
    const local = (count) => !fresh && count.rule && rules;
    const all = data.counts.map((count) => {
      if (!local(count)) return { ...count, stale: !fresh };
      return { ...count, used: rules.lengthBy(count.rule, now) + (state.shift.get(count.rule) ?? 0), stale: false };
    });
    let { marks } = data;
    if (!fresh) marks = rules && data.reader ? state.found(rules, now, all) : [];
    const hidden = exact ? shared()?.hidden(now) ?? [] : [];
    copy.replaceChildren(...pieces(now, [...marks, ...hidden]), '\n'); // the last line break needs a line
    const rows = nearest(all);
    counts.replaceChildren(...rows.map(counted));
    counts.setAttribute('aria-busy', String(rows.some(({ stale }) => stale)));
    state.tell(rows, marks, hidden);
  };

  state.found = (rules, now, all) => {
    const marks = now.length > state.data.marked ? [] : rules.marksBy(state.data.reader, now, (handle) => state.somebody.get(handle) ?? false);
    const over = all.filter(({ rule, used, most }) => rule && used > most)
      .map(({ rule, most, name }) => ({ start: rules.fittingBy(rule, now, most), end: now.length, kind: 'over', says: name }))
      .reduce((a, b) => (a && a.start <= b.start ? a : b), null);
    return over && over.start < over.end ? [...marks, over] : marks;
  };

  state.tell = (rows, marks, hidden) => {
    const over = rows.filter(({ used, most }) => used > most).map(({ name }) => name);
    // Read out when a platform becomes too long or fits again, not at every key.
    const words = over.length ? `Too long for ${over.join(' and ')}.` : say.textContent.startsWith('Too long') ? 'Fits again.' : null;
    if (words && say.textContent !== words) say.textContent = words;
    const lines = [];
    const tail = marks.find(({ kind }) => kind === 'over');
    if (tail?.says) lines.push(element('p', 'tail', `What is marked red is too long for ${tail.says}.`));
    if (hidden.length) {
      const names = [...new Set(hidden.map(({ says }) => says))].join(', ');
      const line = element('p', 'unseen', `${hidden.length === 1 ? 'An invisible character is' : `${hidden.length} invisible characters are`} marked: ${names}. `);
      line.append(button(hidden.length === 1 ? 'Remove it' : 'Remove them', () => {
        [...hidden].reverse().forEach(({ start, end }) => state.replace(start, end, ''));
      }));
      lines.push(line);
    }
    if (state.offer) lines.push(state.offer);
    // A hint whose words are the same stays, or a button would lose the focus at every key.
    if (hints.textContent !== lines.map(({ textContent }) => textContent).join('') || hidden.length) hints.replaceChildren(...lines);
  };

  // What the server found about a text, next to what is found here: where they differ, the server is right, and stays
  // right while the text goes on from there.
  state.learn = () => {
    const { data } = state;
    const rules = shared()?.rules;
    if (!rules || data.text.length > LONG) return;
    data.counts.filter(({ rule }) => rule).forEach(({ rule, used }) => state.shift.set(rule, used - rules.lengthBy(rule, data.text)));
    if (data.reader !== 'bluesky') return;
    const mentions = new Set(data.marks.filter(({ kind }) => kind === 'mention').map(({ start }) => start));
    rules.marksBy('bluesky', data.text).forEach(({ kind, start, handle }) => {
      if (kind === 'mention') state.somebody.set(handle, mentions.has(start));
    });
  };

  state.putBack = (kept) => {
    const line = element('p', 'kept', 'This tab has words that were not saved. ');
    const answer = (words) => () => {
      state.offer = null;
      if (words === null) shelf.clear(state.data);
      else state.replace(0, area.value.length, words);
      state.paint();
    };
    line.append(button('Put them back', answer(kept.text)), button('Forget them', answer(null)));
    return line;
  };

  // The server's text wins only when it says so.
  state.load = () => {
    const { data } = state;
    [state.timer, state.waiting, state.later].forEach(clearTimeout);
    const willed = state.visit === data.visit; // and not a page or a server that began anew
    Object.assign(state, { rev: data.rev, touched: false, offer: null, times: 0 });
    area.value = data.text;
    state.sent = text();
    if (willed) shelf.clear(data);
    const kept = shelf.look(data);
    if (!kept || kept.text === data.text) return;
    if (kept.instead.includes(data.text)) {
      area.value = kept.text;
      state.touched = true;
      state.timer = setTimeout(() => state.send(), 0);
    } else {
      state.offer = state.putBack(kept);
    }
  };

  area.oninput = ({ isComposing }) => {
    state.composing = isComposing;
    state.changed();
  };
  area.onblur = () => {
    state.completion?.close();
    state.send();
  };
  area.onkeydown = (event) => {
    if (state.completion?.takes(event)) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) state.send();
  };
  area.onclick = () => state.completion?.update();
  area.onkeyup = ({ key }) => { if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(key)) state.completion?.update(); };
  area.addEventListener('compositionend', () => { // which has no property
    state.composing = false;
    state.completion?.update();
  });
  state.equip = () => {
    state.completion ??= shared().completion(state);
    state.learn();
    state.paint();
  };
  if (!shared()) document.addEventListener('composer-shared', state.equip, { once: true });
  return state;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector('.composer');
  if (!states.has(root)) states.set(root, begin(root));
  const state = states.get(root);
  const { area } = state;
  Object.assign(state, { data, set: setStateValue });

  root.querySelector('label').textContent = data.label;
  root.classList.toggle('unlabelled', data.label_hidden);
  root.classList.toggle('compact', data.compact);
  area.placeholder = data.placeholder;
  const palette = getComputedStyle(root).getPropertyValue('--st-chart-categorical-colors').split(',');
  palette.forEach((colour, i) => root.style.setProperty(`--c${i + 1}`, colour.trim()));

  if (state.rev !== data.rev) state.load();
  // A server that was started anew has not heard what the one before was told.
  else if (state.visit !== data.visit && state.touched) setTimeout(() => state.send(true), 0);
  state.visit = data.visit;
  const same = area.value.toWellFormed() === data.text;
  if (same) clearTimeout(state.waiting);
  if (same && data.saved) shelf.clear(data);
  if (shared()) state.equip();
  else state.paint();
  state.completion?.answered();
  // Also called for a run that another overtook; then the field is still there and its text must go out.
  return () => {
    if (!root.isConnected) [state.timer, state.waiting, state.later].forEach(clearTimeout);
  };
}
