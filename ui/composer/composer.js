// The live text field. It shows what Python counted and found, and never counts itself.
const PAUSE = 150; // ms without a key before the text is sent
const NEAR = 0.9; // share of a limit from which its count is drawn as a warning
const states = new WeakMap();

function span(name, text = '') {
  const el = document.createElement('span');
  el.className = name;
  el.textContent = text;
  return el;
}

// Marks may overlap, so the text is cut wherever one begins or ends and each piece carries all of its kinds.
function pieces(text, marks) {
  const edges = new Set([0, text.length, ...marks.flatMap(({ start, end }) => [start, end])]);
  const cuts = [...edges].filter((at) => at >= 0 && at <= text.length).sort((a, b) => a - b);
  return cuts.slice(1).map((end, i) => {
    const kinds = marks.filter((mark) => mark.start <= cuts[i] && mark.end >= end).map(({ kind }) => kind);
    return kinds.length ? span(kinds.join(' '), text.slice(cuts[i], end)) : text.slice(cuts[i], end);
  });
}

function counted({ name, colour, used, most, unit, detail }) {
  const li = document.createElement('li');
  const number = (n) => n.toLocaleString('en');
  li.dataset.level = used > most ? 'over' : used > NEAR * most ? 'near' : 'fits';
  li.style.setProperty('--p', `var(--c${colour})`);
  li.style.setProperty('--w', `${Math.min(100, (100 * used) / most)}%`);
  const amount = span('n', number(used));
  amount.append(span('of', ` / ${number(most)} ${unit}`));
  const rest = used > most ? `${number(used - most)} too long` : detail;
  const track = span('track');
  track.append(span('fill'));
  li.append(span('name', name), amount, track, ...(rest ? [span(used > most ? 'n' : 'detail', rest)] : []));
  return li;
}

export default function ({ data, parentElement, setStateValue }) {
  const find = (selector) => parentElement.querySelector(selector);
  const [root, area, copy, counts, say] = [find('.composer'), find('textarea'), find('.marks'), find('ul'), find('.say')];
  if (!states.has(root)) states.set(root, {});
  const state = states.get(root);
  const text = () => area.value.toWellFormed(); // half an emoji cannot be stored

  // One object outlives the runs, so a timer set in an earlier run sends through the newest.
  state.send = () => {
    clearTimeout(state.timer);
    if (text() === state.sent) return;
    state.sent = text();
    setStateValue('written', { rev: state.rev, text: state.sent });
  };
  state.paint = () => {
    const fresh = text() === data.text;
    copy.replaceChildren(...pieces(text(), fresh ? data.marks : []), '\n'); // the last line break needs a line
    counts.setAttribute('aria-busy', String(!fresh));
  };

  if (state.rev !== data.rev) { // the server's text wins only when it says so
    clearTimeout(state.timer);
    state.rev = data.rev;
    area.value = data.text;
    state.sent = text();
  }
  find('label').textContent = data.label;
  area.placeholder = data.placeholder;
  const palette = getComputedStyle(root).getPropertyValue('--st-chart-categorical-colors').split(',');
  palette.forEach((colour, i) => root.style.setProperty(`--c${i + 1}`, colour.trim()));
  counts.replaceChildren(...data.counts.map(counted));
  // Read out when a platform becomes too long or fits again, not at every key.
  const over = data.counts.filter(({ used, most }) => used > most).map(({ name }) => name);
  const words = over.length ? `Too long for ${over.join(' and ')}.` : say.textContent && 'Fits again.';
  if (say.textContent !== words) say.textContent = words;
  state.paint();

  area.oninput = () => {
    state.paint();
    clearTimeout(state.timer);
    state.timer = setTimeout(() => state.send(), PAUSE);
  };
  area.onblur = () => state.send();
  area.onkeydown = (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) state.send();
  };
  // Also called for a run that another overtook; then the field is still there and its text must go out.
  return () => { if (!root.isConnected) clearTimeout(state.timer); };
}
