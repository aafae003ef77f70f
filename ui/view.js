// Draws a tree of elements sent from Python. Text is always a text node: there is no way to send markup.
const SVG_SPACE = 'http://www.w3.org/2000/svg';
const SVG = new Set(['svg', 'path', 'circle', 'rect', 'line', 'polyline', 'g']);
const TAGS = new Set([
  'div', 'span', 'p', 'a', 'b', 'strong', 'em', 'small', 'ul', 'ol', 'li', 'dl', 'dt', 'dd', 'table', 'caption',
  'thead', 'tbody', 'tr', 'th', 'td', 'button', 'img', 'time', 'code', 'del', 'ins', 'section', 'article', 'figure',
  'figcaption', 'h2', 'h3', ...SVG,
]);
const ATTRIBUTES = new RegExp(
  '^(class|role|title|alt|scope|colspan|datetime|lang|tabindex|aria-[a-z]+|data-label' +
    '|d|viewBox|cx|cy|r|x|y|x1|x2|y1|y2|rx|width|height|points|fill|stroke|stroke-[a-z]+|pathLength)$',
);
const IMAGE = /^data:image\/(png|webp|jpeg);base64,/;
const REPEATED = 5000; // ms a pick is sent again with those after it, in case the server saw only the newest
const SPOKEN = 150; // ms a live region must have been empty for its first text to be read out
const states = new WeakMap();

// Where an address leads, as the browser itself reads it: "//host" and "/\host" look like paths and are not.
function leads(address) {
  if (!/^([/#]|https?:\/\/)/i.test(address) || !URL.canParse(address, document.baseURI)) return 'nowhere';
  const url = new URL(address, document.baseURI);
  if (/^[/#]/.test(address)) return url.origin === location.origin ? 'here' : 'nowhere';
  const sandbox = url.protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(url.hostname);
  return url.protocol === 'https:' || sandbox ? 'out' : 'nowhere';
}

function attribute(el, name, value, state) {
  if (name === 'vars') {
    for (const [property, set] of Object.entries(value)) if (property.startsWith('--')) el.style.setProperty(property, set);
  } else if (name === 'pick') {
    if (el.tagName !== 'BUTTON') throw new Error('view: only a button can be picked');
    el.type = 'button';
    el.dataset.pick = value;
    el.onclick = () => pick(state, value);
  } else if (name === 'href') {
    const way = leads(value);
    if (way === 'nowhere') return;
    el.setAttribute('href', value);
    if (way === 'out') el.rel = 'noopener noreferrer';
    if (way === 'out' && el.target !== '_self') el.target = '_blank';
  } else if (name === 'target' && value === '_self') {
    el.target = value; // a way that leads back here, as a sign-in's does
  } else if (name === 'src') {
    if (IMAGE.test(value) || leads(value) === 'here') el.setAttribute('src', value);
  } else if (name === 'role' && value === 'status') {
    state.spoken.push(el);
  } else if (ATTRIBUTES.test(name)) {
    el.setAttribute(name, value);
  }
}

function build(node, state) {
  if (typeof node === 'string') return document.createTextNode(node);
  const [tag, attributes, children] = node;
  if (!TAGS.has(tag)) throw new Error(`view: <${tag}> is not allowed`);
  const el = SVG.has(tag) ? document.createElementNS(SVG_SPACE, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) attribute(el, name, value, state);
  el.append(...children.map((child) => build(child, state)));
  return el;
}

function pick(state, value) {
  const now = performance.now();
  state.count += 1;
  state.picks = [...state.picks.filter(({ at }) => now - at < REPEATED), { at: now, sent: [state.count, value] }];
  state.send('pick', { mount: state.mount, picks: state.picks.map(({ sent }) => sent) });
}

// Drawn text is replaced at every change; only a region that stays is read out, and only when its text changes.
function speak(root, state) {
  const text = state.spoken.map((el) => el.textContent).join(' ');
  if (!text && !state.region) return;
  if (!state.region) {
    state.region = document.createElement('p');
    state.region.className = 'say';
    state.region.setAttribute('role', 'status');
    root.after(state.region);
  }
  clearTimeout(state.speaking);
  state.speaking = setTimeout(() => { if (state.region.textContent !== text) state.region.textContent = text; }, SPOKEN);
}

const nameOf = (el) => el?.dataset?.pick ?? el?.getAttribute?.('href');

function draw(root, tree, state) {
  const held = nameOf(root.getRootNode().activeElement);
  state.spoken = [];
  root.replaceChildren(...tree.map((node) => build(node, state)));
  if (held) [...root.querySelectorAll('button, a')].find((el) => nameOf(el) === held)?.focus({ preventScroll: true });
  speak(root, state);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector('.view');
  if (!states.has(root)) states.set(root, { mount: Math.random().toString(36).slice(2), count: 0, picks: [], spoken: [] });
  const state = states.get(root);
  state.send = setTriggerValue;
  const palette = getComputedStyle(root).getPropertyValue('--st-chart-categorical-colors').split(',');
  palette.forEach((colour, i) => root.style.setProperty(`--c${i + 1}`, colour.trim()));
  const json = JSON.stringify(data.tree);
  if (state.drawn === json) return;
  draw(root, data.tree, state);
  state.drawn = json;
}
