// Pictures and videos of a draft: what is attached, what is on its way, and what Python is told of both.
const states = new WeakMap();

function carriesFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes('Files');
}

// Pictures of the clipboard are attached, its text goes into the field: except where the picture only shows the text, as a
// word processor's does, and where the text is only the file's name, as a file manager's is.
function pasted(state, event) {
  const { types, files } = event.clipboardData ?? {};
  if (!files?.length || types.includes('text/rtf') || state.root.querySelector('dialog').open) return;
  const text = event.clipboardData.getData('text/plain').trim();
  if (!text || [...files].some(({ name }) => name === text)) event.preventDefault();
  add(state, [...files]);
}

// A file dropped beside the zone would open in the place of the page, and take with it what is written.
const LISTENERS = {
  paste: pasted,
  dragover(state, event) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    state.root.classList.add('over');
    clearTimeout(state.over);
    state.over = setTimeout(() => state.root.classList.remove('over'), 200);
  },
  drop(state, event) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    state.root.classList.remove('over');
    add(state, [...event.dataTransfer.files]);
  },
  online(state) {
    state.files.filter(({ stage }) => stage === 'lost').forEach((each) => retry(state, each));
  },
  beforeunload(state, event) {
    if (state.files.some(({ stage }) => stage !== 'refused')) event.preventDefault();
  },
};

function listen(state) {
  state.heard = Object.entries(LISTENERS).map(([name, hear]) => {
    const listener = (event) => (state.root.isConnected ? hear(state, event) : forget(state));
    window.addEventListener(name, listener);
    return [name, listener];
  });
}

function forget(state) {
  for (const [name, listener] of state.heard) window.removeEventListener(name, listener);
  state.heard = [];
}

// What Python is told: which pictures, in which order, how described, and what differs where.
function toldOf(state) {
  const attached = state.attached.map(({ id, alt, at }) => ({
    id, alt, at: Object.fromEntries(Object.entries(at).map(([platform, cut]) => [platform, cut && cut.id])),
  }));
  return { rev: state.rev, attached };
}

function begun(root) {
  const state = { root, attached: [], files: [], fits: new Map(), heard: [], removed: null, full: '', turn: 0 };
  const find = (selector) => root.querySelector(selector);
  state.speak = (text) => say(find('.say'), text);
  state.focusOn = ([id, selector]) => {
    const made = [...root.querySelectorAll('.card')].find(({ picture }) => picture.id === id);
    (made?.querySelector(selector) ?? find('.pick')).focus();
  };
  // What is on its way is told apart from what is attached: it is to be known, and not to be kept.
  state.tell = () => {
    clearTimeout(state.pause);
    state.since = undefined;
    if (state.signedOut) sessionStorage.setItem(state.place, JSON.stringify({ draft: state.draft, attached: state.attached }));
    const news = { attached: toldOf(state), uploading: { rev: state.rev, files: state.files.filter(({ stage }) => stage !== 'refused').length } };
    for (const [name, value] of Object.entries(news)) {
      if (JSON.stringify(value) === state.told[name]) continue;
      state.told[name] = JSON.stringify(value);
      state.set(name, value);
    }
  };
  state.changed = () => { state.draw(); state.tell(); };
  state.drawFiles = () => drawFiles(state);
  state.drawCounts = () => drawCounts(state);
  state.draw = () => draw(state);
  return state;
}

function draw(state) {
  const { root, attached } = state;
  const list = root.querySelector('.cards');
  const known = new Map([...list.children].map((made) => [made.picture, made]));
  const held = root.getRootNode().activeElement;
  const cards = attached.map((picture) => known.get(picture) ?? card(state, picture));
  if (cards.some((made, i) => list.children[i] !== made) || list.children.length !== cards.length) {
    list.replaceChildren(...cards);
    if (held?.isConnected) held.focus({ preventScroll: true }); // being moved takes the focus away
  }
  cards.forEach((made) => drawCard(state, made));
  list.hidden = !attached.length;
  drawRemoved(state);
  drawCounts(state);
  drawFiles(state);
  findOut(state);
}

// What was taken away or did not fit is said until something else is; its button keeps the focus meanwhile.
function drawRemoved(state) {
  const bar = state.root.querySelector('.removed');
  bar.hidden = !state.removed && !state.full;
  if (bar.removed === state.removed && bar.full === state.full) return;
  Object.assign(bar, { removed: state.removed, full: state.full });
  const parts = [state.full, state.removed && 'Removed.', state.removed && button('Undo', () => undo(state))];
  bar.replaceChildren(...parts.filter(Boolean));
}

// Ask how each picture fits each chosen platform: in the background, once, and never in the way of typing or of each other.
function findOut(state) {
  for (const picture of state.attached) {
    for (const { key } of state.data.platforms) {
      const id = picture.at[key]?.id ?? picture.id;
      if (picture.at[key] === null || state.fits.has(`${id} ${key}`)) continue;
      state.fits.set(`${id} ${key}`, null);
      askAbout(state, id, key);
    }
  }
}

async function askAbout(state, id, platform) {
  const found = await asked(`${state.data.uploads}/${id}/fits?platform=${platform}`);
  state.fits.set(`${id} ${platform}`, found[platform] ?? { title: found.title, next_step: found.next_step, again: true });
  if (!state.root.isConnected) return;
  state.draw();
  state.times = (state.times ?? 0) + 1;
  if (![...state.fits.values()].includes(null)) state.set('fitted', { rev: state.rev, times: state.times }); // for previews
}

// A page that outlives a sign-in can store files, once somebody signs in elsewhere, and not its draft: what is attached
// then waits in this window until the page is opened anew.
function leftBehind(state) {
  const left = JSON.parse(sessionStorage.getItem(state.place) ?? 'null');
  sessionStorage.removeItem(state.place);
  return left?.draft === state.draft ? left.attached : null;
}

// Begin with what the server has. Files on their way stay with their draft, and so does a description not sent yet.
function start(state, data) {
  const typed = new Map(state.since === undefined ? [] : state.attached.map(({ id, alt }) => [id, alt]));
  if (state.draft !== data.draft) {
    [...state.files].forEach((each) => drop(state, each));
    typed.clear();
    Object.assign(state, { removed: null, full: '' });
  }
  Object.assign(state, { rev: data.rev, draft: data.draft, place: `media ${data.uploads}` });
  state.attached = data.attached.map((each) => ({ ...each, at: { ...each.at } }));
  state.told = { attached: JSON.stringify(toldOf(state)), uploading: JSON.stringify({ rev: state.rev, files: 0 }) };
  state.attached = leftBehind(state) ?? state.attached;
  for (const picture of state.attached) picture.alt = typed.get(picture.id) ?? picture.alt;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector('.media');
  if (!states.has(root)) states.set(root, begun(root));
  const state = states.get(root);
  state.set = setStateValue; // one object outlives the runs, so what was begun in an earlier one tells through the newest
  state.data = data;
  if (!state.heard.length) listen(state);
  const begins = state.rev !== data.rev;
  if (begins) start(state, data); // the server's word counts only when it says so
  const palette = getComputedStyle(root).getPropertyValue('--st-chart-categorical-colors').split(',');
  palette.forEach((colour, i) => root.style.setProperty(`--c${i + 1}`, colour.trim()));
  const [pick, input] = [root.querySelector('.pick'), root.querySelector('input[type=file]')];
  input.accept = data.accepted;
  pick.onclick = () => input.click();
  input.onchange = () => { add(state, [...input.files]); input.value = ''; };
  state.draw();
  if (begins) state.tell();
  return () => { if (!root.isConnected) forget(state); };
}
